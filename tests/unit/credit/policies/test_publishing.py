from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from chassis.db import Unit
from chassis.feed import entries_from
from chassis.ids import new_id
from ombud.credit.v1.standing_service_pb2 import StandingChange
from services.credit.policies import jobs, store
from services.credit.policies.domain import PolicyConflictError
from services.credit.policies.jobs import Republication, take_up
from services.credit.policies.models import PolicyProposalRow, PolicyRow
from services.credit.standings import feed
from tests.support.clock import ManualClock
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW, account, pack
from tests.unit.credit.drafts import draft, keep_published, proposed
from tests.unit.credit.stored import keep_in_force, keep_overturned, work


async def test_start_with_an_older_pack_takes_nothing_back_that_two_persons_published(databases: OpenDatabase) -> None:
    clock = ManualClock()
    async with databases("credit", clock) as database:
        await work(database, lambda unit: keep_published(unit, draft(), NOW + DAY))
        clock.advance(2 * DAY)
        await take_up(database, pack())
        current = await database.read(lambda session: store.at(session, clock.now()))
        with pytest.raises(PolicyConflictError, match="two persons publish"):
            await take_up(database, draft("2026.3"))

    assert current.pack.version == "2026.2"


async def test_accounts_are_told_ahead_what_they_are_entitled_to_from_the_date_on(databases: OpenDatabase) -> None:
    subject = account()
    async with databases("credit") as database:
        await work(database, lambda unit: keep_in_force(unit, subject=subject, points=0))
        before = len(await database.read(entries_from))
        await database.work("test", lambda unit: keep_published(unit, draft(), NOW + DAY))
        await Republication(database).finish()
        told = [StandingChange.FromString(each.payload) for each in (await database.read(entries_from))[before:]]

    (later,) = told[0].defaults.later
    now, then = told[1].subject.spans
    assert (told[0].defaults.entitlements.most_groups_joined, later.entitlements.most_groups_joined) == (200, 150)
    assert (now.entitlements.most_groups_joined, then.entitlements.most_groups_joined) == (200, 150)
    assert later.start_time.ToDatetime(NOW.tzinfo) == then.start_time.ToDatetime(NOW.tzinfo) == NOW + DAY


async def test_telling_goes_on_where_it_ended_and_leaves_out_nobody_who_was_ever_sanctioned(
    databases: OpenDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_ACCOUNTS_AT_ONCE", 2)
    subjects = sorted(account() for _ in range(5))

    def sanctioned(unit: Unit) -> None:
        for number, subject in enumerate(subjects):
            sanction = keep_in_force(unit, subject=subject)
            if number == 0:
                keep_overturned(unit, sanction)

    async with databases("credit") as database:
        await work(database, sanctioned)
        await Republication(database).finish()
        before = len(await database.read(entries_from))
        await database.work("test", lambda unit: keep_published(unit, draft(), NOW + DAY))
        await database.work("test", jobs.republish)
        half = len(await database.read(entries_from))
        await Republication(database).finish()
        await Republication(database).finish()
        keys = [each.key for each in (await database.read(entries_from))[before:]]

    assert half - before == 3
    assert keys == [feed.DEFAULTS_KEY, *(subject.key for subject in subjects)]


async def test_database_keeps_no_publication_that_only_one_person_made(databases: OpenDatabase) -> None:
    async with databases("credit") as database:
        made = await work(database, lambda unit: keep_published(unit, draft(), NOW + DAY))

        def approve_alone(unit: Unit) -> None:
            row = unit.session.get_one(PolicyProposalRow, made.proposal_id)
            row.approver = row.proposer
            unit.session.flush()

        def publish_unapproved(unit: Unit) -> None:
            proposal = proposed(draft("2026.3"), effective_at=NOW + 2 * DAY)
            store.propose(unit.session, proposal, draft("2026.3"), b"")
            forged = replace(made, publication_id=new_id(), proposal_id=proposal.proposal_id, version="2026.3")
            store.add(unit.session, forged, draft("2026.3"))

        def move_the_date(unit: Unit) -> None:
            unit.session.get_one(PolicyRow, made.publication_id).effective_at = NOW
            unit.session.flush()

        for attack in (approve_alone, publish_unapproved, move_the_date):
            with pytest.raises(IntegrityError):
                await database.work("attack", attack)
