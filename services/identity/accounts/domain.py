"""Accounts: what is known of a holder, and for how long it holds."""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal

NICKNAME_LONGEST = 64

# Controls, format characters, surrogates, private use, unassigned, line and paragraph separators: they show
# nothing, or something else on every screen.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class AccountKind(StrEnum):
    """What an account is for."""

    PERSONAL = "PERSONAL"
    PUBLIC = "PUBLIC"


class HolderKind(StrEnum):
    """Who holds an account."""

    INDIVIDUAL = "INDIVIDUAL"
    ORGANISATION = "ORGANISATION"
    COMPANY = "COMPANY"


class AccountState(StrEnum):
    """Whether a holder is known, at an instant."""

    UNVERIFIED = "UNVERIFIED"
    LEGACY_GRACE = "LEGACY_GRACE"
    VERIFIED = "VERIFIED"


class Level(StrEnum):
    """How surely the holder is known. Ordered as text: a later value is surer."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


class Method(StrEnum):
    """How an account is verified."""

    PHONE_CODE = "PHONE_CODE"
    DOCUMENT_NUMBER = "DOCUMENT_NUMBER"
    REGISTRATION_NUMBER = "REGISTRATION_NUMBER"


class Basis(StrEnum):
    """What a level rests on."""

    CODE_RETURNED = "CODE_RETURNED"
    NUMBER_FORM = "NUMBER_FORM"
    REVIEW = "REVIEW"
    ATTENDED_REVIEW = "ATTENDED_REVIEW"


@dataclass(frozen=True)
class Assurance:
    """What a verification showed: the level, how it was reached, what it rests on, and the end of its validity."""

    level: Level
    method: Method
    basis: Basis
    until: datetime


@dataclass(frozen=True)
class Account:
    """An account as recorded. What holds at an instant is asked with `assurance_at` and `state_at`."""

    account_id: str
    kind: AccountKind
    holder_kind: HolderKind
    nickname: str
    nickname_time: datetime
    create_time: datetime
    grace_end_time: datetime | None
    assurance: Assurance | None = None

    @property
    def legacy(self) -> bool:
        """True if the account existed before verification was required."""
        return self.grace_end_time is not None

    def assurance_at(self, at: datetime) -> Assurance | None:
        """The assurance in force; none once its validity has ended."""
        return self.assurance if self.assurance and at < self.assurance.until else None

    def level_at(self, at: datetime) -> Level:
        """The level in force."""
        assurance = self.assurance_at(at)
        return assurance.level if assurance else Level.L0

    def state_at(self, at: datetime) -> AccountState:
        """The state in force."""
        if self.assurance_at(at):
            return AccountState.VERIFIED
        if self.grace_end_time and at < self.grace_end_time:
            return AccountState.LEGACY_GRACE
        return AccountState.UNVERIFIED


def register(
    account_id: str,
    *,
    kind: AccountKind,
    holder_kind: HolderKind,
    nickname: str,
    at: datetime,
    legacy_grace: timedelta | None,
) -> Account:
    """A new account, unverified.

    Args:
        account_id: Its id.
        kind: What it is for.
        holder_kind: Who holds it.
        nickname: As the user wrote it.
        at: The instant.
        legacy_grace: For an account older than the rules, how long it may go on unverified.

    Raises:
        Refusal: NICKNAME_REFUSED; INVALID_FIELD for a personal account that no individual holds.
    """
    if kind is AccountKind.PERSONAL and holder_kind is not HolderKind.INDIVIDUAL:
        raise Refusal.field(
            "holder_kind", "a personal account has another holder than an individual", satisfy="INDIVIDUAL"
        )
    return Account(
        account_id=account_id,
        kind=kind,
        holder_kind=holder_kind,
        nickname=canonical_nickname(nickname),
        nickname_time=at,
        create_time=at,
        grace_end_time=None if legacy_grace is None else at + legacy_grace,
    )


def rename(account: Account, nickname: str, *, at: datetime) -> Account:
    """The account under another nickname.

    Raises:
        Refusal: NICKNAME_REFUSED.
    """
    return replace(account, nickname=canonical_nickname(nickname), nickname_time=at)


def assure(account: Account, assurance: Assurance, *, at: datetime) -> Account:
    """The account after a verification. A weaker assurance does not displace a stronger one that is in force."""
    held = account.assurance_at(at)
    if held and (held.level, held.until) > (assurance.level, assurance.until):
        return account
    return replace(account, assurance=assurance)


def canonical_nickname(text: str) -> str:
    """The nickname in Unicode NFKC, so that two ways of typing one name are one name. Nicknames need not be unique.

    Raises:
        Refusal: NICKNAME_REFUSED, whose fact `rule` is LENGTH, CONTROL_CHARACTER, SPACE_AT_END or LEADING_MARK.
    """
    nickname = unicodedata.normalize("NFKC", text)
    if not 1 <= len(nickname) <= NICKNAME_LONGEST:
        raise _refused_nickname("LENGTH", f"1 to {NICKNAME_LONGEST} characters after Unicode NFKC")
    if any(unicodedata.category(character) in _INVISIBLE for character in nickname):
        raise _refused_nickname("CONTROL_CHARACTER", "visible characters and spaces")
    if nickname != nickname.strip():
        raise _refused_nickname("SPACE_AT_END", "no space at the beginning or the end")
    if unicodedata.combining(nickname[0]):
        raise _refused_nickname("LEADING_MARK", "a character that stands by itself at the beginning")
    return nickname


def _refused_nickname(rule: str, satisfy: str) -> Refusal:
    return Refusal.field(
        "nickname",
        "the nickname can not be shown",
        satisfy=satisfy,
        reason=ErrorReason.ERROR_REASON_NICKNAME_REFUSED,
        rule=rule,
    )
