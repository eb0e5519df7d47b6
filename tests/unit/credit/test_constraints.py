"""Attacks on the database itself: what the law of the project forbids must fail in SQL, too."""

import pytest

from chassis.db import Unit
from tests.support.engines import OpenDatabase
from tests.unit.credit.attacks.attack import ONE, Attack, bound, values_of
from tests.unit.credit.attacks.on_appeals import APPEALS
from tests.unit.credit.attacks.on_consequences import ADD_POINTS, CONSEQUENCES, LIST_SUBJECT
from tests.unit.credit.attacks.on_exchanges import EXCHANGES
from tests.unit.credit.attacks.on_policies import POLICIES
from tests.unit.credit.attacks.on_referrals import REFERRALS
from tests.unit.credit.attacks.on_sanctions import DELIVER, FORCE, INTERIM, SANCTIONS, an_approved_sanction
from tests.unit.credit.stored import work


@pytest.mark.parametrize(
    "attacks",
    [
        pytest.param(SANCTIONS, id="sanctions need due process"),
        pytest.param(INTERIM, id="interim measures are short and leave nothing"),
        pytest.param(CONSEQUENCES, id="only sanctions in force have consequences"),
        pytest.param(APPEALS, id="nobody decides who had a part"),
        pytest.param(EXCHANGES, id="what comes from elsewhere needs two persons"),
        pytest.param(REFERRALS, id="referrals need two persons and a legal basis"),
        pytest.param(POLICIES, id="packs need two persons and a date ahead"),
    ],
)
async def test_database_refuses(databases: OpenDatabase, attacks: list[Attack]) -> None:
    async with databases("credit") as database:
        await work(database, lambda _unit: None)
        for each in attacks:
            try:
                await database.work("attack", each.run)
            except BaseException as error:
                error.add_note(f"attack: {each.name}")
                raise


async def test_what_due_process_demands_is_what_the_database_accepts(databases: OpenDatabase) -> None:
    """The attacks fail for what they lack: with all of it, the same statements pass."""

    def task(unit: Unit) -> None:
        values = values_of(an_approved_sanction(unit))
        for statement in (
            DELIVER,
            f"{FORCE}, appeal_end = :later{ONE}",
            ADD_POINTS.format(points=1, start=":now", end=":later"),
            LIST_SUBJECT,
        ):
            unit.session.connection().execute(bound(statement, values))

    async with databases("credit") as database:
        await work(database, task)
