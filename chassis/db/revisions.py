"""Revisions of a schema: one Alembic history a service, in its `migrations` folder."""

import logging
import threading
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine

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


def run(connection: Connection, package: str) -> None:
    """Runs the revisions that the database lacks."""
    alembic = config(package)
    alembic.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(alembic, "head")


def enter(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: runs revisions on the given connection, or on `-x url=`."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
        with engine.begin() as connection:
            _run_on(connection, metadata)
        engine.dispose()
    else:
        _run_on(connection, metadata)


def _run_on(connection: Connection, metadata: MetaData) -> None:
    context.configure(
        connection=connection,
        target_metadata=[ChassisTable.metadata, metadata],
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
