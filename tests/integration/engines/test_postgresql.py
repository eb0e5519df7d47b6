"""The whole contract on PostgreSQL, as production runs it; the other tests of the suite run it on SQLite.

What was asked of the database on the way is held against `docs/sql-elsewhere.md`.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from sqlalchemy import Engine, create_engine, event

from chassis.db import migrate
from chassis.db.tables import ChassisTable
from ombudctl.services import SERVICES
from tests.contract.test_replay import bare, variations
from tests.support.biography import live, look
from tests.support.contract import rpcs
from tests.support.engines import fresh_postgres
from tests.support.life import Life
from tests.support.mesh import meshed
from tests.support.refusals import refusal_of
from tests.support.suite import all_reviewed_twice

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (Path(__file__).parents[3] / "docs" / "sql-elsewhere.md").read_text("utf-8")


@dataclass
class Lived:
    """A life on PostgreSQL, and each statement that it took, once."""

    life: Life
    statements: set[str]


@contextlib.contextmanager
def recorded() -> Iterator[set[str]]:
    """The statements that PostgreSQL is sent meanwhile, but for what SQLAlchemy asks its catalogue."""
    statements: set[str] = set()

    def record(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.dialect.name == "postgresql" and "pg_catalog" not in statement:
            statements.add(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    folder = tmp_path_factory.mktemp("mesh")
    policy = all_reviewed_twice(folder)
    with recorded() as statements:
        async with meshed(folder, lambda _service: fresh_postgres(postgres), policy=policy) as mesh:
            life = Life(mesh.wire().call, mesh.clock, folder / "identity" / "outbox" / "phone.jsonl")
            await live(life)
            await look(life)
            yield Lived(life, statements)


async def test_every_rpc_answers_and_every_act_is_kept_once_on_postgresql(lived: Lived) -> None:
    life = lived.life
    assert set(life.examples) == {rpc.path for rpc in rpcs()}
    for example in life.examples.values():
        rpc = example.rpc
        if rpc.method.keyed:
            assert bare(rpc, await life.call(example.who, rpc, example.request)) == bare(rpc, example.reply)
            for request in variations(example.request)[:1]:
                refused = await refusal_of(life.call(example.who, rpc, request))
                assert refused.code() in (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT)


def words(sql: str) -> set[str]:
    """Keywords and functions of a statement, apart from what it has in quotes."""
    return set(re.findall(r"\b(?:[A-Z]{2,}\b|[a-z_]+(?=\())", re.sub(r"'[^']*'", "", sql)))


def unknown(statements: set[str]) -> dict[str, set[str]]:
    """The statements with words that the page does not have, and those words."""
    table = PAGE.partition("| issued |")[2].partition("\n\n")[0]
    issued = " ".join(row.split(" | ")[0] for row in table.splitlines())
    known = words(" ".join(re.findall(r"`([^`]+)`", issued)))
    found = {statement: words(statement) - known for statement in statements}
    return {statement: more for statement, more in found.items() if more}


async def test_all_that_services_ask_of_a_database_is_written_up_for_other_engines(lived: Lived) -> None:
    assert len(lived.statements) > 200
    assert unknown(lived.statements) == {}


async def test_all_that_migrations_ask_of_a_database_is_written_up_for_other_engines(postgres: str) -> None:
    with recorded() as statements:
        for service in SERVICES:
            engine, made_at_once = (create_engine(fresh_postgres(postgres)) for _ in range(2))
            with engine.begin() as connection:
                migrate.revise(connection, f"services.{service}")
            for metadata in (ChassisTable.metadata, migrate.metadata_of(f"services.{service}")):
                metadata.create_all(made_at_once, checkfirst=False)
            engine.dispose()
            made_at_once.dispose()
    assert len(statements) > 200
    assert unknown(statements) == {}
