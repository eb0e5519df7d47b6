"""An attack on the database itself: raw SQL that a constraint has to stop."""

# ruff: noqa: S608 - statements are put together from names of the tables

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.tables import CreditTable
from tests.unit.credit.builders import NOW

_DAY = 86_400_000_000
_NOW = int(NOW.timestamp()) * 1_000_000
# SQLite names its checks alone.
_UNNAMED = ("FOREIGN KEY constraint failed", "UNIQUE constraint failed", "NOT NULL constraint failed")


@dataclass(frozen=True)
class Attack:
    """Raw SQL on what `prepare` stored, whose id is `:id`; the last statement must break the constraint."""

    name: str
    prepare: Callable[[Unit], str]
    constraint: str
    statements: tuple[str, ...]

    def run(self, unit: Unit) -> None:
        values = values_of(self.prepare(unit))
        *before, last = (bound(statement, values) for statement in self.statements)
        for statement in before:
            unit.session.connection().execute(statement)
        with pytest.raises(IntegrityError) as broken, unit.session.begin_nested():
            unit.session.connection().execute(last)
        assert any(name in str(broken.value.orig) for name in (self.constraint, *_UNNAMED))


def attack(name: str, prepare: Callable[[Unit], str], constraint: str, *statements: str) -> Attack:
    return Attack(name, prepare, constraint, statements)


def values_of(stored_id: str) -> dict[str, object]:
    return {"id": stored_id, "new": new_id(), "now": _NOW, "soon": _NOW + 183 * _DAY, "later": _NOW + 365 * _DAY}


def bound(statement: str, values: dict[str, object]) -> TextClause:
    return text(statement).bindparams(**{name: value for name, value in values.items() if f":{name}" in statement})


ONE = " WHERE sanction_id = :id"


def copied(table: type[CreditTable], **instead: str) -> str:
    """The statement that copies the row of a sanction, with SQL in place of some of its columns."""
    columns = list(table.metadata.tables[str(table.__tablename__)].columns.keys())
    values = ", ".join(instead.get(name, name) for name in columns)
    return f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) SELECT {values} FROM {table.__tablename__}{ONE}"
