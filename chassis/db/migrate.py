"""Migrations: one Alembic history a service, in its `migrations` folder."""

import logging
import threading
from dataclasses import dataclass
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine

from chassis.db.engine import write_engine
from chassis.db.tables import ChassisTable

# It tells of every context it makes; what fails, it raises.
logging.getLogger("alembic").setLevel(logging.WARNING)

# Alembic keeps its context in the module: one upgrade at a time in a process.
_one_at_a_time = threading.Lock()


def config(package: str) -> Config:
    """Alembic's configuration for the service whose package is named."""
    alembic = Config()
    alembic.set_main_option("script_location", str(files(package).joinpath("migrations")))
    return alembic


@dataclass(frozen=True)
class Schema:
    """Where a database's schema stands.

    Attributes:
        current: Its revision; None for a database without tables.
        newest: The newest revision that this version of the code knows.
        behind: Whether revisions that this version knows are missing. A newer version's schema is not behind: it keeps
            what the version before it needs.
    """

    current: str | None
    newest: str | None
    behind: bool


def schema(url: str, package: str) -> Schema:
    """Where the schema of a service's database stands."""
    engine = write_engine(url)
    try:
        with engine.begin() as connection:
            return _schema(connection, package)
    finally:
        engine.dispose()


def upgrade(url: str, package: str) -> Schema:
    """Brings the database to the newest revision; does nothing if it is there, or further.

    Returns:
        Where it stood before.
    """
    alembic = config(package)
    engine = write_engine(url)
    try:
        with _one_at_a_time, engine.begin() as connection:
            before = _schema(connection, package)
            if before.behind:
                alembic.attributes["connection"] = connection
                command.upgrade(alembic, "head")
            return before
    finally:
        engine.dispose()


def _schema(connection: Connection, package: str) -> Schema:
    scripts = ScriptDirectory.from_config(config(package))
    newest = scripts.get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    known = current is None or current in {script.revision for script in scripts.walk_revisions()}
    return Schema(current, newest, behind=known and current != newest)


def run(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: runs revisions on the given connection, or on `-x url=`."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
        with engine.begin() as connection:
            _run_on(connection, metadata)
        engine.dispose()
    else:
        _run_on(connection, metadata)


def _run_on(connection: object, metadata: MetaData) -> None:
    context.configure(
        connection=connection,  # type: ignore[arg-type]  # a Connection, which Alembic's attributes do not type
        target_metadata=[ChassisTable.metadata, metadata],
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
