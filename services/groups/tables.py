"""The base of the groups service's tables."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import CheckConstraint, MetaData

from chassis.db.types import UNNAMED_KEYS, Table


class GroupsTable(Table):
    """Base of every table that the groups service owns."""

    metadata = MetaData(naming_convention=UNNAMED_KEYS)


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """A check that a text column holds one of an enum's values, named after the column."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
