"""Numbers of documents and registers: one canonical form, and what its form can tell.

The form rules are python-stdnum's, with rules over them where those are known to err. A right form is no proof that
the document exists or belongs to whoever gives its number.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stdnum import lei
from stdnum.br import cnpj, cpf
from stdnum.cn import ric, uscc
from stdnum.es import dni, nie
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidFormat, InvalidLength, ValidationError
from stdnum.fr import siren
from stdnum.in_ import aadhaar
from stdnum.jp import cn as jp_corporate
from stdnum.kr import brn
from stdnum.no import orgnr
from stdnum.pl import pesel
from stdnum.sg import uen

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal

OLDEST_YEARS = 130

# Residence permits of residents of Hong Kong, Macao and Taiwan: no county codes, otherwise like the identity number.
_CN_PERMIT_REGIONS = ("810000", "820000", "830000")
_RULES: tuple[tuple[type[ValidationError], str], ...] = (
    (InvalidLength, "LENGTH"),
    (InvalidChecksum, "CHECK_DIGITS"),
    (InvalidFormat, "FORMAT"),
    (InvalidComponent, "COMPONENT"),
)
# Between the shortest and longest numbers in use on documents and in registers.
_PLAUSIBLE = re.compile(r"(?=.*[0-9])[0-9A-Z]{5,20}")
_COMPACT = re.compile(r"[0-9A-Z]+")
_SEPARATORS = frozenset({"Cf", "Pd", "Zs"})


class DocumentType(StrEnum):
    """What kind of document a number stands on."""

    NATIONAL_IDENTITY = "NATIONAL_IDENTITY"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"
    PASSPORT = "PASSPORT"


class RegisterType(StrEnum):
    """Which register a registration number is of."""

    NATIONAL = "NATIONAL"
    LEI = "LEI"


@dataclass(frozen=True)
class Number:
    """A number in canonical form.

    Attributes:
        scheme: What it is a number of, such as `cn.ric`; the same for all document types that share one number space.
        country: ISO 3166-1 alpha-2; empty for an LEI.
        value: The canonical digits and letters.
        checked: True if a rule for its form exists and holds.
    """

    scheme: str
    country: str
    value: Redacted[str]
    checked: bool


class _Broken(Exception):  # noqa: N818 - internal to this module; becomes a Refusal
    """The number breaks a rule, by name."""


Check = Callable[[str, date], str]


def document_number(country: str, document: DocumentType, written: Redacted[str], *, today: date) -> Number:
    """The number of a person's document.

    Raises:
        Refusal: DOCUMENT_NUMBER_REFUSED, whose fact `rule` is CHARACTERS, LENGTH, FORMAT, COMPONENT, CHECK_DIGITS or
            BIRTH_DATE.
    """
    scheme, check = _DOCUMENTS.get((country, document), (f"{document}.{country}".lower(), _plausible))
    if (country, document) == ("CN", DocumentType.RESIDENCE_PERMIT) and _compact(written).startswith("9"):
        # The permanent resident's card of foreigners has a number space and a rule of its own.
        scheme, check = "cn.permanent-resident", _plausible
    return _number(scheme, country, check, written, today=today, field="document.number")


def register_number(register: RegisterType, country: str, written: Redacted[str], *, today: date) -> Number:
    """The registration number of an organisation or company.

    Raises:
        Refusal: DOCUMENT_NUMBER_REFUSED, with the rules of `document_number`.
    """
    if register is RegisterType.LEI:
        scheme, check = "lei", _stdnum(lei.validate)
    else:
        scheme, check = _REGISTERS.get(country, (f"register.{country}".lower(), _plausible))
    return _number(scheme, country, check, written, today=today, field="registration.number")


def _number(scheme: str, country: str, check: Check, written: Redacted[str], *, today: date, field: str) -> Number:
    try:
        compact = _compact(written)
        if not _COMPACT.fullmatch(compact):
            raise _Broken("CHARACTERS")  # noqa: TRY301 - one way out for all rules
        value = check(compact, today)
    except _Broken as broken:
        raise Refusal.field(
            field,
            "the number can not be one of its kind",
            satisfy="the number as it stands on the document or in the register",
            reason=ErrorReason.ERROR_REASON_DOCUMENT_NUMBER_REFUSED,
            rule=str(broken),
        ) from None
    return Number(scheme, country, Redacted(value), checked=check is not _plausible)


def _compact(written: Redacted[str]) -> str:
    folded = unicodedata.normalize("NFKC", written.reveal())
    kept = (mark for mark in folded if unicodedata.category(mark) not in _SEPARATORS and mark not in "./")
    return "".join(kept).upper()


def _plausible(compact: str, _today: date) -> str:
    if not _PLAUSIBLE.fullmatch(compact):
        raise _Broken("LENGTH")
    return compact


def _stdnum(validate: Callable[[str], str]) -> Check:
    def check(compact: str, _today: date) -> str:
        return _applied(validate, compact)

    return check


def _applied(validate: Callable[[str], str], compact: str) -> str:
    try:
        return validate(compact)
    except ValidationError as error:
        raise _Broken(next((rule for kind, rule in _RULES if isinstance(error, kind)), "FORMAT")) from None


def _born(birth: date, today: date) -> None:
    if not today.year - OLDEST_YEARS <= birth.year or birth > today:
        raise _Broken("BIRTH_DATE")


def _cn_resident(compact: str, today: date) -> str:
    number = compact
    if re.fullmatch(r"[0-9]{15}", compact):
        # The form of before 1999: a two-digit year of the 20th century and no check digit.
        grown = f"{compact[:6]}19{compact[6:]}"
        number = grown + ric.calc_check_digit(f"{grown}0")
    if number.startswith(_CN_PERMIT_REGIONS):
        _cn_permit(number)
    else:
        _applied(ric.validate, number)
    _born(_cn_birth(number), today)
    return number


def _cn_permit(number: str) -> None:
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise _Broken("FORMAT")
    if number[-1] != ric.calc_check_digit(number):
        raise _Broken("CHECK_DIGITS")


def _cn_birth(number: str) -> date:
    try:
        birth: date = ric.get_birth_date(number)
    except ValidationError:
        raise _Broken("BIRTH_DATE") from None
    return birth


def _cn_residence_permit(compact: str, today: date) -> str:
    if not compact.startswith(_CN_PERMIT_REGIONS):
        raise _Broken("COMPONENT")
    return _cn_resident(compact, today)


def _br_cpf(compact: str, _today: date) -> str:
    number = _applied(cpf.validate, compact)
    if len(set(number)) == 1:
        # Eleven equal digits satisfy the check digits and are never issued.
        raise _Broken("COMPONENT")
    return number


def _pl_pesel(compact: str, today: date) -> str:
    number = _applied(pesel.validate, compact)
    _born(pesel.get_birth_date(number), today)
    return number


_DOCUMENTS: dict[tuple[str, DocumentType], tuple[str, Check]] = {
    ("BR", DocumentType.NATIONAL_IDENTITY): ("br.cpf", _br_cpf),
    ("CN", DocumentType.NATIONAL_IDENTITY): ("cn.ric", _cn_resident),
    ("CN", DocumentType.RESIDENCE_PERMIT): ("cn.ric", _cn_residence_permit),
    ("ES", DocumentType.NATIONAL_IDENTITY): ("es.dni", _stdnum(dni.validate)),
    ("ES", DocumentType.RESIDENCE_PERMIT): ("es.nie", _stdnum(nie.validate)),
    ("IN", DocumentType.NATIONAL_IDENTITY): ("in.aadhaar", _stdnum(aadhaar.validate)),
    ("PL", DocumentType.NATIONAL_IDENTITY): ("pl.pesel", _pl_pesel),
}
_REGISTERS: dict[str, tuple[str, Check]] = {
    "BR": ("br.cnpj", _stdnum(cnpj.validate)),
    "CN": ("cn.uscc", _stdnum(uscc.validate)),
    "FR": ("fr.siren", _stdnum(siren.validate)),
    "JP": ("jp.cn", _stdnum(jp_corporate.validate)),
    "KR": ("kr.brn", _stdnum(brn.validate)),
    "NO": ("no.orgnr", _stdnum(orgnr.validate)),
    "SG": ("sg.uen", _stdnum(uen.validate)),
}
