import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from chassis.db.migrate import upgrade
from chassis.db.revisions import config


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
