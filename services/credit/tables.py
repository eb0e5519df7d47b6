"""The base of the credit service's tables, and the constraints that several of them share."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, MetaData
from sqlmodel import SQLModel

from chassis.db.types import NAMING

DAY_MICROSECONDS = 86_400_000_000


class CreditTable(SQLModel):
    """Base of the tables."""

    metadata = MetaData(naming_convention=NAMING)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A column of text that holds names of an enumeration."""
    names = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({names})", name=column)
