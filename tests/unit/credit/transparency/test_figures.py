"""Counts of a period, and what became of stated decisions, on both engines."""

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.db import Unit
from policies.pack import MeasureKind
from services.credit.appeals import domain as appeals
from services.credit.appeals import store as appeal_store
from services.credit.sanctions import acts, relief
from services.credit.sanctions.domain import Origin, SourceType
from services.credit.transparency import store
from services.credit.transparency.domain import Period
from services.credit.transparency.figures import counts
from services.credit.transparency.store import ErratumKind
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW, measure, reasons
from tests.unit.credit.stored import keep_appeal, keep_approved, keep_in_force, keep_interim, keep_overturned, work

ALL = Period(NOW - DAY, NOW + 400 * DAY)
ACTOR = relief.Actor("app-2", "", "Paid back.")


async def test_decisions_are_counted_by_ground_category_source_and_measure(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        keep_in_force(unit)
        keep_in_force(unit, origin=Origin(SourceType.NOTICE, due=NOW))
        keep_in_force(unit, measures=(measure(MeasureKind.WARNED), measure(MeasureKind.ACCOUNT_SUSPENDED)))
        keep_approved(unit)
        keep_interim(unit)
        found = counts(unit.session, replace(ALL, end=unit.now + DAY))
        assert (found.decisions, found.interim) == (4, 1)
        assert (sum(found.grounds.values()), sum(found.categories.values())) == (4, 4)
        assert found.sources == {"NOTICE": 1, "OWN_INITIATIVE": 3}
        assert found.late == 1
        assert found.measures == {"PUBLISHING_SUSPENDED": 3, "WARNED": 1, "ACCOUNT_SUSPENDED": 1}
        assert found.rules["harassment"].decisions == 4
        assert found.time_to_effect is not None
        before = counts(unit.session, Period(ALL.start - DAY, ALL.start))
        assert (before.decisions, before.rules, before.time_to_effect) == (0, {}, None)

    async with databases("credit") as database:
        await work(database, case)


def decided(unit: Unit, outcome: appeals.AppealOutcome, at: datetime) -> None:
    sanction = keep_in_force(unit)
    filed = keep_appeal(unit, sanction)
    assigned = appeals.assign(filed, reviewer=appeals.Reviewer("rev-1", ""))
    ended = appeals.decide(assigned, sanction, reviewer="rev-1", outcome=outcome, reasons="Seen.", at=at)
    appeal_store.update(unit.session, ended)


async def test_appeals_are_counted_by_outcome_and_rule_and_late_ones_as_overdue(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        decided(unit, appeals.AppealOutcome.UPHELD, NOW + 3 * DAY)
        decided(unit, appeals.AppealOutcome.UPHELD, NOW + 40 * DAY)
        keep_overturned(unit, keep_in_force(unit), at=NOW + 2 * DAY)
        withdrawn = appeals.withdraw(keep_appeal(unit, keep_in_force(unit)), at=NOW + 2 * DAY)
        appeal_store.update(unit.session, withdrawn)
        keep_appeal(unit, keep_in_force(unit))
        found = counts(unit.session, ALL)
        assert (found.appeals_filed, found.appeals_decided, found.appeals_overdue) == (5, 3, 2)
        assert found.appeals_ended == {"UPHELD": 2, "OVERTURNED": 1, "WITHDRAWN": 1}
        assert found.rules["harassment"].outcomes == {
            appeals.AppealOutcome.UPHELD: 2,
            appeals.AppealOutcome.OVERTURNED: 1,
        }
        assert found.time_to_decide == 2 * DAY

    async with databases("credit") as database:
        await work(database, case)


async def test_statements_are_those_that_restrict_in_pages(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        kept = [keep_in_force(unit).sanction_id for _ in range(3)]
        keep_in_force(unit, measures=(measure(MeasureKind.WARNED),))
        keep_approved(unit)
        keep_overturned(unit, fallen := keep_in_force(unit))
        every = store.stated(unit.session, ALL, after="", size=10)
        assert [each.sanction_id for each in every] == [*kept, fallen.sanction_id]
        page = store.stated(unit.session, ALL, after=kept[0], size=2)
        assert [each.sanction_id for each in page] == kept[1:]
        assert not store.stated(unit.session, Period(ALL.end, ALL.end + DAY), after="", size=10)

    async with databases("credit") as database:
        await work(database, case)


async def test_errata_follow_statements_that_fell_or_were_shortened(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        keep_in_force(unit)
        fallen, varied, lifted, warned = (
            keep_in_force(unit),
            keep_in_force(unit),
            keep_in_force(unit),
            keep_in_force(unit, measures=(measure(MeasureKind.WARNED),)),
        )
        keep_overturned(unit, fallen)
        founding = reasons()
        replaced = keep_interim(unit, subject=varied.subject, reasons=founding)
        keep_in_force(unit, subject=varied.subject, reasons=founding)
        at = unit.now
        ends = {MeasureKind.PUBLISHING_SUSPENDED: at + timedelta(days=1)}
        acts.vary(unit, relief.vary(varied, ACTOR, ends, at=at), points=1)
        for each in (lifted, warned):
            acts.lift(unit, relief.lift(each, ACTOR, at=at))
        found = store.errata(unit.session, replace(ALL, end=at + 400 * DAY), after="", size=10)
        assert {each.sanction.sanction_id: each.kind for each in found} == {
            fallen.sanction_id: ErratumKind.OVERTURNED,
            varied.sanction_id: ErratumKind.VARIED,
            lifted.sanction_id: ErratumKind.LIFTED,
            replaced.sanction_id: ErratumKind.REPLACED,
        }
        assert {each.at for each in found} == {NOW + 2 * DAY, at}

    async with databases("credit") as database:
        await work(database, case)


async def test_period_without_a_case_is_all_zeros(databases: OpenDatabase) -> None:
    def case(unit: Unit) -> None:
        found = counts(unit.session, Period(NOW - 31 * DAY, NOW - DAY))
        assert (found.decisions, found.appeals_filed, found.referrals_approved) == (0, 0, 0)
        assert (found.sources, found.late) == ({}, 0)

    async with databases("credit") as database:
        await work(database, case)
