"""Checks that change, on SQLite and PostgreSQL alike."""

import sqlalchemy as sa
from alembic import op


def replace_checks(table: str, old: dict[str, str], new: dict[str, str]) -> None:
    """Replaces checks of a table by others; SQLite does not look whether rows keep the new ones.

    SQLite can not change a constraint, and a table that others refer to can not be dropped under enforced foreign
    keys. Its manual's way for constraints that leave the rows as they are is to correct the text of the schema.

    Args:
        table: Name of the table.
        old: Conditions that are there, by the checks' names, in the words of the migration that made them.
        new: Conditions in their place, by name.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        for name in old:
            op.drop_constraint(name, table, type_="check")
        for name, condition in new.items():
            op.create_check_constraint(name, table, condition)
        return
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :table")
    schema = connection.execute(query, {"table": table}).scalar_one()
    first, *others = [_check(name, condition) for name, condition in old.items()]
    schema = _replaced(schema, first, ", ".join(_check(name, condition) for name, condition in new.items()))
    for check in others:
        schema = _replaced(schema, f"{check}, ", "")
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
