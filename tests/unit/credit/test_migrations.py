import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from chassis.db.migrate import config, upgrade
from services.credit.models import metadata
from tests.support.engines import OpenDatabase


async def test_migrations_make_the_tables_that_the_code_expects(databases: OpenDatabase, database_url: str) -> None:
    async with databases("credit"):
        engine = create_engine(database_url)
        options = {"include_name": lambda name, kind, _parents: kind != "table" or name in metadata.tables}
        with engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        engine.dispose()

    assert differences == []


def test_appeals_that_are_on_file_outlive_a_change_of_their_checks(tmp_path: Path) -> None:
    path = tmp_path / "credit.db"
    alembic = config("services.credit")
    with closing(sqlite3.connect(path)) as connection:
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as at_0002:
            alembic.attributes["connection"] = at_0002
            command.upgrade(alembic, "0002")
        engine.dispose()
        connection.execute(
            "INSERT INTO appeal (appeal_id, sanction_id, issuer, approver, reporter_account_id, appeal_end, state,"
            " appellant_account_id, grounds, statement, filed_at, due_at, reviewer_account_id, reasons)"
            " VALUES ('a', 's', 'mod-1', 'app-1', '', 9, 'FILED', '', 'HARDSHIP', 'Please.', 1, 2, '', '')"
        )
        connection.execute("INSERT INTO appeal_evidence VALUES ('a', 'hash', 1)")
        connection.commit()

    upgrade(f"sqlite:///{path}", "services.credit")

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE appeal SET state = 'WITHDRAWN', decided_at = 3")
        with pytest.raises(sqlite3.IntegrityError, match="ck_appeal_decision"):
            connection.execute("UPDATE appeal SET state = 'INADMISSIBLE', reviewer = 'rev-1'")
        assert connection.execute("SELECT state, prolongation_reasons FROM appeal").fetchall() == [("WITHDRAWN", "")]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
