import pytest
from sqlalchemy import create_engine, text

from chassis.db import migrate


def test_upgrade_of_an_up_to_date_database_changes_nothing(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate.upgrade(database_url, "tests.support.counter")
    monkeypatch.setattr("alembic.command.upgrade", None)
    monkeypatch.setattr("sqlalchemy.MetaData.create_all", None)
    migrate.upgrade(database_url, "tests.support.counter")


def test_schema_is_behind_until_it_is_upgraded_and_a_newer_versions_is_not(database_url: str) -> None:
    package = "tests.support.counter"
    assert migrate.schema(database_url, package) == migrate.Schema(None, "0001", behind=True)
    assert migrate.upgrade(database_url, package).behind
    assert migrate.schema(database_url, package) == migrate.Schema("0001", "0001", behind=False)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert migrate.upgrade(database_url, package) == migrate.Schema("9999", "0001", behind=False)
    assert migrate.schema(database_url, package).current == "9999"
