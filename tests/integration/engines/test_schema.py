"""A database made at once from the models is what the revisions lead to."""

from collections.abc import Callable
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Inspector, create_engine, inspect, text

from chassis.db import migrate, revisions
from chassis.db.engine import write_engine
from ombudctl.services import SERVICES

BESIDE_TABLES = {
    "sqlite": "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index')",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT proname FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace UNION ALL SELECT relname FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i', 'S')",
}


@pytest.mark.parametrize("service", SERVICES)
def test_new_schema_is_the_one_that_the_revisions_lead_to(service: str, new_database: Callable[[], str]) -> None:
    at_once, step_by_step = new_database(), new_database()
    migrate.upgrade(at_once, f"services.{service}")
    engine = write_engine(step_by_step)
    with engine.begin() as connection:
        migrate.revise(connection, f"services.{service}")
    engine.dispose()

    assert described(at_once) == described(step_by_step)


@pytest.mark.parametrize("service", SERVICES)
def test_revisions_are_one_line_up_to_the_highest_number(service: str, new_database: Callable[[], str]) -> None:
    package = f"services.{service}"
    history = ScriptDirectory.from_config(revisions.config(package))
    assert migrate.schema(new_database(), package).newest == history.get_current_head()


def described(url: str) -> dict[str, Any]:
    """All that a database holds: tables with their columns and constraints, rows, and what is neither.

    Not the defaults of columns: revisions need them for the rows that are there, the code writes every column.
    """
    engine = create_engine(url)
    with engine.connect() as connection:
        found = inspect(connection)
        tables: dict[str, Any] = {name: table(found, name) for name in found.get_table_names()}
        others = connection.execute(text(BESIDE_TABLES[connection.dialect.name])).all()
        rows = {name: contents(connection, name) for name in tables}
    engine.dispose()
    return {"tables": tables, "rows": rows, "others": others}


def contents(connection: Connection, name: str) -> list[Any]:
    return list(connection.execute(text(f"SELECT * FROM {name}")).all())  # noqa: S608 - a table's own name


def table(found: Inspector, name: str) -> dict[str, Any]:
    key, where = found.get_pk_constraint(name), f"{found.dialect.name}_where"
    return {
        "columns": {each["name"]: (str(each["type"]), each["nullable"]) for each in found.get_columns(name)},
        "primary key": (called(found, key), key["constrained_columns"]),
        "foreign keys": sorted(
            (called(found, each), each["constrained_columns"], each["referred_table"], each["referred_columns"])
            for each in found.get_foreign_keys(name)
        ),
        "unique": sorted((str(each["name"]), each["column_names"]) for each in found.get_unique_constraints(name)),
        "checks": sorted((each["name"], each["sqltext"]) for each in found.get_check_constraints(name)),
        "indexes": sorted(
            (each["name"], each["column_names"], each["unique"], str(each.get("dialect_options", {}).get(where)))
            for each in found.get_indexes(name)
        ),
    }


def called(found: Inspector, key: Any) -> str:
    """Its name; SQLite knows keys by their columns alone."""
    return key["name"] if found.dialect.name == "postgresql" else ""
