"""Takes the constraints of the database away, and expects the attacks on it to get through."""

import sqlite3
from pathlib import Path

from tests.support.engines import opened
from tests.unit.credit.attacks.attack import values_of
from tests.unit.credit.attacks.on_appeals import APPEALS
from tests.unit.credit.attacks.on_consequences import CONSEQUENCES
from tests.unit.credit.attacks.on_referrals import REFERRALS
from tests.unit.credit.attacks.on_sanctions import INTERIM, SANCTIONS
from tests.unit.credit.stored import work

# What SQLite can not be told to forget: uniqueness, and columns that are never null.
HELD = {"same evidence twice", "renewed for the same facts", "points counted twice", "listed without term"}


async def test_attacks_get_through_where_nothing_is_checked(tmp_path: Path) -> None:
    attacks = [*SANCTIONS, *INTERIM, *CONSEQUENCES, *APPEALS, *REFERRALS]
    file = tmp_path / "credit.db"
    async with opened(f"sqlite:///{file}", "credit") as database:
        await work(database, lambda _unit: None)
        targets = [await database.work("prepare", attack.prepare) for attack in attacks]

    held = set()
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for attack, target in zip(attacks, targets, strict=True):
        connection.execute("BEGIN")
        try:
            for statement in attack.statements:
                connection.execute(statement, values_of(target))
        except sqlite3.IntegrityError:
            held.add(attack.name)
        connection.execute("ROLLBACK")
    connection.close()

    assert held == HELD
