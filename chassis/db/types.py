"""Column types and naming that every service's tables use."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

# Constraint names are part of the schema: migrations and error handling refer to them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# For tables whose revisions left the names of primary keys to the engine: those that PostgreSQL gives.
UNNAMED_KEYS = {**NAMING, "pk": "%(table_name)s_pkey"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Table(SQLModel):
    """Base of each service's base of tables. They validate nothing, so what would is never built."""

    model_config = {"defer_build": True}


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, stored as microseconds since 1970 so that both engines compare and order it alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Python to database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:  # noqa: ANN401 - the base class's signature
        """Database to Python."""
        return None if value is None else _EPOCH + value * _MICROSECOND


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """A check that a text column holds one of an enum's values, named after the column."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
