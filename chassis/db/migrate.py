"""The schema of a service's database: made at once where there is none, brought up to date by revisions else."""

from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from chassis.db.engine import write_engine
from chassis.db.tables import ChassisTable

# As Alembic makes it.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


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
    newest: str
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

    A database without tables gets those of the package's `models.metadata` at once, which the revisions lead to.

    Args:
        url: SQLAlchemy URL.
        package: The service's package, such as `services.credit`.

    Returns:
        Where it stood before.
    """
    engine = write_engine(url)
    try:
        with engine.begin() as connection:
            before = _schema(connection, package)
            if before.current is None:
                _create(connection, package, before.newest)
            elif before.behind:
                revise(connection, package)
            return before
    finally:
        engine.dispose()


def revise(connection: Connection, package: str) -> None:
    """Runs the revisions that the database lacks, all of them on one without tables."""
    # Alembic and the revisions take a fifth of a second to load, which a start that runs none need not spend.
    from chassis.db import revisions  # noqa: PLC0415 - see above

    revisions.run(connection, package)


def metadata_of(package: str) -> MetaData:
    """The tables that are the service's own."""
    metadata: MetaData = import_module(f"{package}.models").metadata
    return metadata


def _schema(connection: Connection, package: str) -> Schema:
    known = _revisions(package)
    current = None
    if inspect(connection).has_table(_VERSION.name):
        current = connection.scalar(select(_VERSION.c.version_num))
    behind = (current is None or current in known) and current != known[-1]
    return Schema(current, known[-1], behind)


def _revisions(package: str) -> list[str]:
    """The revisions by number, which the names of their files begin with."""
    folder = files(package).joinpath("migrations", "versions")
    return sorted(path.name.partition("_")[0] for path in folder.iterdir() if path.name.endswith(".py"))


def _create(connection: Connection, package: str, newest: str) -> None:
    for metadata in (ChassisTable.metadata, metadata_of(package), _VERSION.metadata):
        metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(_VERSION).values(version_num=newest))
