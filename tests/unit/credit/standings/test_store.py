from datetime import UTC, timedelta

from chassis.db import Database, Unit
from chassis.feed import entries_from
from ombud.credit.v1.standing_service_pb2 import LEDGER_ENTRY_KIND_EXPIRY as EXPIRY
from ombud.credit.v1.standing_service_pb2 import LEDGER_ENTRY_KIND_POINTS as POINTS
from ombud.credit.v1.standing_service_pb2 import StandingChange
from policies import Pack
from policies.pack import MeasureKind
from services.credit.policies import store as policies
from services.credit.policies.jobs import Republication, take_up
from services.credit.standings import feed, store, views
from services.credit.standings.domain import OverturnEntry, PointsEntry, Stay, active_points
from services.credit.subjects import Subject
from tests.support.clock import ManualClock
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW, account, group, measure, pack
from tests.unit.credit.stored import keep_appeal, keep_in_force, keep_overturned, work


async def changes(database: Database) -> list[StandingChange]:
    entries = await database.read(entries_from)
    return [StandingChange.FromString(entry.payload) for entry in entries]


def points_at(unit: Unit, subject: Subject) -> int:
    entries = store.entries(unit.session, subject)
    stays = store.stays(unit.session, [entry.sanction_id for entry in entries])
    return active_points(entries, stays, NOW)


async def test_sanction_in_force_is_on_the_ledger_with_its_points_and_their_end(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        sanction = keep_in_force(unit, subject=subject, points=3)
        (entry,) = store.entries(unit.session, subject)
        assert isinstance(entry, PointsEntry)
        assert (entry.sanction_id, entry.points) == (sanction.sanction_id, 3)
        assert (entry.start, entry.end) == (NOW, NOW + 180 * DAY)

    async with databases("credit") as database:
        await work(database, task)


async def test_sanction_without_points_leaves_the_ledger_alone(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        keep_in_force(unit, subject=subject, points=0)
        assert store.entries(unit.session, subject) == []

    async with databases("credit") as database:
        await work(database, task)


async def test_overturned_sanction_is_taken_back_by_an_entry_and_not_removed(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        sanction = keep_in_force(unit, subject=subject)
        appeal = keep_overturned(unit, sanction)
        points, overturn = store.entries(unit.session, subject)
        assert isinstance(overturn, OverturnEntry)
        assert (overturn.overturned_entry_id, overturn.appeal_id) == (points.entry_id, appeal.appeal_id)
        assert points_at(unit, subject) == 0

    async with databases("credit") as database:
        await work(database, task)


async def test_ledger_comes_in_pages_of_one_subject_with_what_expired(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        for _ in range(3):
            keep_in_force(unit, subject=subject)
        keep_in_force(unit)
        at = unit.now + 400 * DAY
        first = views.page(unit.session, subject, at, after="", size=4)
        rest = views.page(unit.session, subject, at, after=first[-1][0], size=4)
        assert first + rest == views.page(unit.session, subject, at, after="", size=500)
        assert [message.kind for _, message in first + rest] == [POINTS] * 3 + [EXPIRY] * 3
        entries = {entry.entry_id: entry for entry in store.entries(unit.session, subject)}
        for _, expiry in first[3:] + rest:
            expired = entries[expiry.expired_entry_id]
            assert isinstance(expired, PointsEntry)
            assert (expiry.points, expiry.record_time.ToDatetime(UTC)) == (expired.points, expired.end)
            assert (expiry.rule_id, expiry.policy.content_hash) == ("harassment", pack().content_hash)

    async with databases("credit") as database:
        await work(database, task)


async def test_restrictions_know_the_stay_of_their_sanction(databases: OpenDatabase) -> None:
    subject = account()

    def task(unit: Unit) -> None:
        sanction = keep_in_force(unit, subject=subject, measures=(measure(), measure(MeasureKind.WARNED)))
        appeal = keep_appeal(unit, sanction)
        found = store.records(unit.session, [subject])[subject].restrictions
        assert {restriction.kind for restriction in found} == {MeasureKind.PUBLISHING_SUSPENDED, MeasureKind.WARNED}
        assert {restriction.stay for restriction in found} == {Stay(appeal.due, None)}

    async with databases("credit") as database:
        await work(database, task)


async def test_feed_says_first_what_an_account_without_a_ledger_may_do(databases: OpenDatabase) -> None:
    async with databases("credit") as database:
        await take_up(database, pack())
        (change,) = await changes(database)

    assert change.defaults.entitlements.most_groups_owned == pack().credit.tiers[0].entitlements.most_groups_owned
    assert change.defaults.policy.content_hash == pack().content_hash


async def test_feed_says_how_entitlements_come_back_without_a_word_on_points(databases: OpenDatabase) -> None:
    subject = account()
    async with databases("credit") as database:
        await work(database, lambda unit: keep_in_force(unit, subject=subject, points=6))
        change = (await changes(database))[-1].subject

    assert [span.entitlements.group_class for span in change.spans] == ["small", "large"]
    assert change.spans[1].start_time.ToDatetime(NOW.tzinfo) == NOW + 180 * DAY
    assert "points" not in str(change)
    assert "tier" not in str(change)


async def test_feed_gives_a_group_restrictions_alone(databases: OpenDatabase) -> None:
    chat = group()
    async with databases("credit") as database:
        await work(
            database,
            lambda unit: keep_in_force(unit, subject=chat, measures=(measure(MeasureKind.GROUP_SUSPENDED),)),
        )
        change = (await changes(database))[-1].subject

    assert not change.spans
    assert len(change.restrictions) == 1


async def test_feed_leaves_out_what_has_ended(databases: OpenDatabase) -> None:
    clock, subject = ManualClock(), account()
    async with databases("credit", clock) as database:
        await work(database, lambda unit: keep_in_force(unit, subject=subject))
        clock.advance(timedelta(days=30))
        await work(database, lambda unit: feed.publish(unit, [subject]))
        change = (await changes(database))[-1].subject

    assert not change.restrictions


async def test_new_policy_tells_everybody_anew_and_judges_only_from_then_on(databases: OpenDatabase) -> None:
    clock, subject = ManualClock(), account()
    strict = pack().model_dump() | {"version": "2026.2"}
    strict["credit"]["tiers"][0]["entitlements"] |= {"most_groups_joined": 150}
    second = Pack.model_validate(strict)
    async with databases("credit", clock) as database:
        await work(database, lambda unit: keep_in_force(unit, subject=subject, points=0))
        await Republication(database).finish()
        before = len(await changes(database))
        clock.advance(DAY)
        await take_up(database, second)
        await Republication(database).finish()
        told = (await changes(database))[before:]
        await take_up(database, second)
        await Republication(database).finish()
        again = (await changes(database))[before:]
        old = await database.read(lambda session: policies.at(session, clock.now() - timedelta(microseconds=1)))
        new = await database.read(lambda session: policies.at(session, clock.now()))

    assert [change.WhichOneof("change") for change in told] == ["defaults", "subject"]
    assert told[0].defaults.entitlements.most_groups_joined == 150
    assert told[1].subject.spans[0].entitlements.most_groups_joined == 150
    assert again == told
    assert (old.pack.version, new.pack.version) == ("2026.1", "2026.2")


async def test_feed_keys_name_the_subject(databases: OpenDatabase) -> None:
    subject = account()
    async with databases("credit") as database:
        await work(database, lambda unit: keep_in_force(unit, subject=subject))
        keys = [entry.key for entry in await database.read(entries_from)]

    assert keys == [feed.DEFAULTS_KEY, f"account/{subject.id}"]
