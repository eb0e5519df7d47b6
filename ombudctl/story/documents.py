"""Made-up people with numbers that are well formed, so that the real checks have something to check."""

from dataclasses import dataclass

from stdnum import verhoeff
from stdnum.cn import ric
from stdnum.es import dni
from stdnum.iso7064 import mod_97_10
from stdnum.pl import pesel

from ombud.identity.v1.verification_service_pb2 import (
    DOCUMENT_TYPE_NATIONAL_IDENTITY,
    REGISTER_TYPE_LEI,
    DocumentEvidence,
    RegistrationEvidence,
)

_GIVEN = ("Aniela", "Bao", "Carmen", "Devika", "Emil", "Feng", "Gonzalo", "Hanna", "Ishaan", "Jadwiga")
_FAMILY = ("Arroyo", "Banerjee", "Chen", "Dudek", "Estrada", "Gupta", "Huang", "Kowal", "Lozano", "Zhao")

PHONE = "+12025550143"
"""A telephone number of the range that is kept for fiction."""

COMPANY = RegistrationEvidence(
    type=REGISTER_TYPE_LEI,
    number="5299000J2N45DDNE4Y" + mod_97_10.calc_check_digits("5299000J2N45DDNE4Y"),
    legal_name="Tidewater Press",
)
"""A made-up company with a well-formed Legal Entity Identifier."""


@dataclass(frozen=True)
class Identity:
    """A made-up person.

    Attributes:
        country: Country of the document, ISO 3166-1 alpha-2.
        number: The document's number.
        name: The name on it.
    """

    country: str
    number: str
    name: str

    def evidence(self) -> DocumentEvidence:
        """The person's document, as it is submitted."""
        return DocumentEvidence(
            country=self.country, type=DOCUMENT_TYPE_NATIONAL_IDENTITY, number=self.number, full_name=self.name
        )


def identity(index: int) -> Identity:
    """Makes the person of an index up: of China, India, Poland or Spain by turns.

    Args:
        index: From 0 to 35,999; each has another number.

    Returns:
        The person.
    """
    name = f"{_GIVEN[index % 10]} {_FAMILY[index // 10 % 10]}"
    year, serial = 60 + index // 900 % 40, 100 + index % 900
    match index % 4:
        case 0:
            body = f"110101{1900 + year}0315{serial}"
            return Identity("CN", body + ric.calc_check_digit(f"{body}0"), name)
        case 1:
            body = f"{50_000_000 + index}"
            return Identity("ES", body + dni.calc_check_digit(body), name)
        case 2:
            body = f"{234_000_000_00 + index}"
            return Identity("IN", body + verhoeff.calc_check_digit(body), name)
        case _:
            body = f"{year}0315{serial:04}"
            return Identity("PL", body + pesel.calc_check_digit(body), name)
