import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine

from chassis.db.migrate import upgrade
from chassis.db.revisions import config


@contextmanager
def at_revision(path: Path, revision: str) -> Iterator[sqlite3.Connection]:
    """A database at an earlier revision, for rows of that time."""
    alembic = config("services.credit")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as before:
        alembic.attributes["connection"] = before
        command.upgrade(alembic, revision)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


def test_appeals_that_are_on_file_outlive_a_change_of_their_checks(tmp_path: Path) -> None:
    path = tmp_path / "credit.db"
    with at_revision(path, "0002") as connection:
        connection.execute(
            "INSERT INTO appeal (appeal_id, sanction_id, issuer, approver, reporter_account_id, appeal_end, state,"
            " appellant_account_id, grounds, statement, filed_at, due_at, reviewer_account_id, reasons)"
            " VALUES ('a', 's', 'mod-1', 'app-1', '', 9, 'FILED', '', 'HARDSHIP', 'Please.', 1, 2, '', '')"
        )
        connection.execute("INSERT INTO appeal_evidence VALUES ('a', 'hash', 1)")

    upgrade(f"sqlite:///{path}", "services.credit")

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE appeal SET state = 'WITHDRAWN', decided_at = 3")
        with pytest.raises(sqlite3.IntegrityError, match="ck_appeal_decision"):
            connection.execute("UPDATE appeal SET state = 'INADMISSIBLE', reviewer = 'rev-1'")
        assert connection.execute("SELECT state, prolongation_reasons FROM appeal").fetchall() == [("WITHDRAWN", "")]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_reviewers_of_appeals_on_file_have_their_part_and_former_ones_keep_out(tmp_path: Path) -> None:
    path = tmp_path / "credit.db"
    with at_revision(path, "0017") as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        columns = connection.execute("PRAGMA table_info(sanction)").fetchall()
        required = {name: "s" if kind.startswith("VARCHAR") else 0 for _, name, kind, needed, *_ in columns if needed}
        marks = ", ".join("?" * len(required))
        connection.execute(f"INSERT INTO sanction ({', '.join(required)}) VALUES ({marks})", list(required.values()))  # noqa: S608 - names of columns
        connection.execute(
            "INSERT INTO appeal (appeal_id, sanction_id, issuer, approver, reporter_account_id, appeal_end, state,"
            " appellant_account_id, grounds, statement, filed_at, due_at, reviewer, reviewer_account_id, reasons)"
            " VALUES ('a', 's', 'mod-1', 'app-1', '', 9, 'UNDER_REVIEW', '', 'HARDSHIP', 'So.', 1, 2, 'rev-2', '', '')"
        )
        connection.executemany("INSERT INTO former_reviewer VALUES ('a', ?)", [("rev-1",), ("rev-2",)])

    upgrade(f"sqlite:///{path}", "services.credit")

    with closing(sqlite3.connect(path)) as connection:
        parts = connection.execute("SELECT staff_id, part FROM case_part ORDER BY staff_id").fetchall()
        assert parts == [("rev-1", "HAD_IT_BEFORE"), ("rev-2", "REVIEWER")]
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute("UPDATE appeal SET reviewer = 'rev-1'")
        assert connection.execute("PRAGMA integrity_check(appeal)").fetchone() == ("ok",)
