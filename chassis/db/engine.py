"""Engines: SQLite and PostgreSQL, set so that nothing acknowledged is lost and no update overwrites another unseen."""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

# Longer than any write of ours takes; a process that waits this long for the file meets a stuck one.
_SQLITE_BUSY_MS = 10_000
_POSTGRES_DISK_FULL = "53100"
# The last ends the transaction of a process that hangs, for which all others of its service wait.
_POSTGRES_TIMEOUTS = "-c statement_timeout=10000 -c lock_timeout=8000 -c idle_in_transaction_session_timeout=5000"
# By default each statement sees a state of its own, and the second may speak of rows that the first did not.
_POSTGRES_READS = "-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"


def write_engine(url: str) -> Engine:
    """An engine with one connection, whose transactions take the writer's place when they begin."""
    if _is_sqlite(url):
        return _sqlite(url, "BEGIN IMMEDIATE", connections=1)
    return _postgres(url, _POSTGRES_TIMEOUTS, connections=1)


def read_engine(url: str, *, connections: int) -> Engine:
    """An engine whose transactions see one state of the data and can not write."""
    if _is_sqlite(url):
        return _sqlite(url, "BEGIN", connections=connections)
    return _postgres(url, f"{_POSTGRES_TIMEOUTS} {_POSTGRES_READS}", connections=connections)


def lacks_space(error: DBAPIError) -> bool:
    """Whether the database refused because its disk is full: it has changed nothing then."""
    return (
        getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        or getattr(error.orig, "sqlstate", None) == _POSTGRES_DISK_FULL
    )


def _is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def _postgres(url: str, options: str, *, connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": 5},
    )
    # Rows of one insert go as one statement, instead of each as one of its own.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine


def _sqlite(url: str, begin: str, *, connections: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": 10},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's own type
        # The driver's own transaction handling begins too late and loses updates: we begin ourselves, below.
        connection.isolation_level = None
        for pragma in (
            f"busy_timeout = {_SQLITE_BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if begin == "BEGIN":
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
