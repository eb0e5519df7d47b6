"""Keys that a division by rows would have to keep over all shards: what `docs/sql-elsewhere.md` lists, no others."""

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint

from chassis.db.tables import ChassisTable

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sql-elsewhere.md").read_text("utf-8")
# What the rows of a service belong to. A shard of the log is a service of its own.
LEADING = {"identity": "account_id", "credit": "sanction_id", "groups": "group_id"}
BASES = {"identity": "IdentityTable", "credit": "CreditTable", "groups": "GroupsTable"}


def tables() -> Iterator[tuple[Table, str]]:
    """Every table that is not of the log, with the column that its rows would be divided by."""
    for table in ChassisTable.metadata.sorted_tables:
        yield table, ""
    for service, base in BASES.items():
        for file in (ROOT / "services" / service).rglob("models.py"):
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for table in getattr(importlib.import_module(f"services.{service}.tables"), base).metadata.sorted_tables:
            yield table, LEADING[service]


def keys(table: Table) -> Iterator[list[str]]:
    """The columns of each key that the table keeps unique."""
    yield names(table.primary_key.columns)
    yield from (names(each.columns) for each in table.constraints if isinstance(each, UniqueConstraint))
    yield from (names(each.columns) for each in table.indexes if each.unique)


def names(columns: Iterable[Column[Any]]) -> list[str]:
    return [column.name for column in columns]


def written(table: str, columns: list[str]) -> str:
    return f"{table}({', '.join(columns)})"


def listed(heading: str) -> list[str]:
    """What the page's table under a heading has in its first column."""
    rows = PAGE.partition(f"| {heading} | why |")[2].partition("\n\n")[0].splitlines()[2:]
    return sorted(key for row in rows for key in re.findall(r"`([^`]+)`", row.split(" | ")[0]))


def test_keys_that_are_not_led_by_what_rows_belong_to_are_listed_with_the_reason() -> None:
    found = {written(table.name, key) for table, leading in tables() for key in keys(table) if key[0] != leading}
    assert listed("keys") == sorted(found)


def test_foreign_keys_that_would_leave_a_shard_are_listed_with_the_reason() -> None:
    found = {
        f"{written(table.name, names(foreign.columns))} → {foreign.referred_table.name}"
        for table, leading in tables()
        for foreign in table.foreign_key_constraints
        if {foreign.column_keys[0], foreign.elements[0].column.name} != {leading}
    }
    assert listed("foreign keys") == sorted(found)
