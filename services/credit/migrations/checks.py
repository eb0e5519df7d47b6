"""Constraints that change, on SQLite and PostgreSQL alike.

SQLite can not change a constraint, and a table that others refer to can not be dropped under enforced foreign keys. Its
manual's way for constraints that leave the rows as they are is to correct the text of the schema; it does not look
whether the rows keep them.
"""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from alembic import op


def replace_checks(table: str, old: dict[str, str], new: dict[str, str]) -> None:
    """Replaces checks of a table by others.

    Args:
        table: Name of the table.
        old: Conditions that are there, by the checks' names, in the words of the migration that made them.
        new: Conditions in their place, by name.
    """
    if op.get_bind().dialect.name != "sqlite":
        for name in old:
            op.drop_constraint(name, table, type_="check")
        for name, condition in new.items():
            op.create_check_constraint(name, table, condition)
        return

    def corrected(schema: str) -> str:
        first, *others = [_check(name, condition) for name, condition in old.items()]
        schema = _replaced(schema, first, ", ".join(_check(name, condition) for name, condition in new.items()))
        for check in others:
            schema = _replaced(schema, f"{check}, ", "")
        return schema

    _correct(table, corrected)


def add_foreign_key(table: str, name: str, columns: Sequence[str], target: str, target_columns: Sequence[str]) -> None:
    """Adds a foreign key of several columns to a table.

    Args:
        table: Name of the table.
        name: Name of the constraint.
        columns: Columns of the table.
        target: The table that they refer to.
        target_columns: The columns there.
    """
    if op.get_bind().dialect.name != "sqlite":
        op.create_foreign_key(name, table, target, list(columns), list(target_columns))
        return
    key = f"FOREIGN KEY({', '.join(columns)}) REFERENCES {target} ({', '.join(target_columns)})"
    _correct(table, lambda schema: f"{schema.rstrip().removesuffix(')').rstrip()}, CONSTRAINT {name} {key})")


def _correct(table: str, corrected: Callable[[str], str]) -> None:
    connection = op.get_bind()
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    schema = corrected(connection.execute(query, {"table": table}).scalar_one())
    version = connection.execute(sa.text("PRAGMA schema_version")).scalar_one()
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_master SET sql = :schema WHERE type = 'table' AND name = :table"),
        {"schema": schema, "table": table},
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))


def _check(name: str, condition: str) -> str:
    return f"CONSTRAINT {name} CHECK ({condition})"


def _replaced(schema: str, part: str, by: str) -> str:
    if part not in schema:
        message = f"the schema does not hold: {part}"
        raise ValueError(message)
    return schema.replace(part, by)
