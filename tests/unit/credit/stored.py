"""Sanctions and appeals in a database, brought there by the service's own code."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from chassis.db import Database, Unit
from services.credit.appeals import domain as appeals
from services.credit.appeals import store as appeal_store
from services.credit.appeals.effects import take_back
from services.credit.policies.jobs import take_up
from services.credit.sanctions import domain, store
from services.credit.sanctions.domain import Sanction
from services.credit.sanctions.jobs import put_in_force
from tests.unit.credit.builders import DAY, NOW, appeal, interim, pack, proposed

T = TypeVar("T")


async def work(database: Database, task: Callable[[Unit], T]) -> T:
    """Runs a task in a database that has taken up the default policy."""
    await take_up(database, pack())
    return await database.work("test", task)


def keep_proposed(unit: Unit, **changes: Any) -> Sanction:
    sanction = proposed(**changes)
    store.add(unit.session, sanction)
    return sanction


def keep_approved(unit: Unit, **changes: Any) -> Sanction:
    sanction = domain.approve(keep_proposed(unit, **changes), approver="app-1", at=NOW)
    store.update(unit.session, sanction)
    store.add_notice(unit.session, sanction, traceparent="")
    return sanction


def keep_in_force(unit: Unit, **changes: Any) -> Sanction:
    sanction = keep_approved(unit, **changes)
    put_in_force(unit, sanction.sanction_id)
    return store.get(unit.session, sanction.sanction_id)


def keep_interim(unit: Unit, **changes: Any) -> Sanction:
    sanction = interim(at=unit.now, **changes)
    store.add(unit.session, sanction)
    store.add_notice(unit.session, sanction, traceparent="")
    put_in_force(unit, sanction.sanction_id)
    return store.get(unit.session, sanction.sanction_id)


def keep_appeal(unit: Unit, sanction: Sanction, *, at: datetime = NOW + DAY) -> appeals.Appeal:
    filed = appeal(sanction, at=at)
    appeal_store.add(unit.session, filed, sanction)
    return filed


def keep_overturned(unit: Unit, sanction: Sanction, *, at: datetime = NOW + 2 * DAY) -> appeals.Appeal:
    filed = keep_appeal(unit, sanction)
    assigned = appeals.assign(filed, reviewer=appeals.Reviewer("rev-1", ""))
    decided = appeals.decide(
        assigned,
        sanction,
        reviewer="rev-1",
        outcome=appeals.AppealOutcome.OVERTURNED,
        reasons="It was somebody else.",
        at=at,
    )
    appeal_store.update(unit.session, decided)
    take_back(unit, decided, sanction)
    return decided
