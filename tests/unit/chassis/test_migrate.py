import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from chassis.db import migrate
from chassis.db.tables import ChassisTable
from tests.support.counter.tables import CounterTable


def test_migrations_lead_to_the_tables_that_the_code_uses(database_url: str) -> None:
    migrate.upgrade(database_url, "tests.support.counter")
    engine = create_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, [ChassisTable.metadata, CounterTable.metadata])  # type: ignore[arg-type]  # Alembic takes several
    engine.dispose()
    assert differences == []


def test_upgrade_of_an_up_to_date_database_changes_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(database_url, "tests.support.counter")
    monkeypatch.setattr("alembic.command.upgrade", None)
    migrate.upgrade(database_url, "tests.support.counter")
