from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from chassis.db import Unit
from policies import Pack
from services.credit.policies.simulation import RIGHTS, SAMPLE_MOST, Tally
from services.credit.standings import store
from services.credit.standings.domain import PointsEntry, points_of_terms, points_until, spans
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import DAY, NOW, account, pack
from tests.unit.credit.stored import keep_appeal, keep_in_force, keep_overturned, work

HISTORIES = st.lists(st.tuples(st.integers(1, 12), st.integers(-400, 100), st.integers(1, 200)), min_size=1, max_size=5)


def draft() -> Pack:
    document = pack().model_dump(mode="json")
    document["credit"]["tiers"][1] |= {"from_points": 2, "recovers_below": None}
    document["credit"]["tiers"][3]["entitlements"] |= {"most_groups_joined": 10}
    return Pack.model_validate(document)


def ledger(history: list[tuple[int, int, int]]) -> list[PointsEntry]:
    subject = account()
    return [
        PointsEntry(
            entry_id=f"{number}",
            subject=subject,
            sanction_id=f"{number}",
            points=points,
            start=NOW + start * DAY,
            end=NOW + (start + days) * DAY,
            recorded_at=NOW + start * DAY,
        )
        for number, (points, start, days) in enumerate(history)
    ]


@given(HISTORIES)
def test_short_way_of_plain_points_is_the_fold(history: list[tuple[int, int, int]]) -> None:
    entries = ledger(history)

    terms = [(entry.points, entry.start, entry.end) for entry in entries]

    assert points_of_terms(terms, NOW) == points_until(entries, {}, NOW)


@given(st.lists(HISTORIES, max_size=8))
def test_counts_are_those_of_the_standing_of_each_account(histories: list[list[tuple[int, int, int]]]) -> None:
    current, other = pack().credit, draft().credit
    tally = Tally(current, other, seed="")
    moves: Counter[tuple[str, str]] = Counter()
    less: Counter[str] = Counter()
    for number, history in enumerate(histories):
        entries = ledger(history)
        tally.add(str(number), points_until(entries, {}, NOW))
        before, after = (spans(entries, {}, NOW, policy)[0].tier for policy in (current, other))
        moves.update([(before.name, after.name)] if before.name != after.name else [])
        less.update(
            right for right in RIGHTS if getattr(after.entitlements, right) < getattr(before.entitlements, right)
        )

    assert tally.accounts == len(histories)
    assert tally.tiers == dict(moves)
    assert {right: count for right, (_, count) in tally.rights.items() if count} == dict(less)


def test_sample_is_bounded_even_and_the_same_each_time() -> None:
    def sample(seed: str) -> list[str]:
        tally = Tally(pack().credit, draft().credit, seed)
        for number in range(2000):
            tally.add(f"{number:04}", (2,))
        return tally.sample

    first = sample("one")

    assert len(first) == SAMPLE_MOST
    assert first == sample("one") != sample("two")
    assert 20 < sum(account_id < "1000" for account_id in first) < 80


def test_account_that_nothing_changes_for_is_counted_and_not_named() -> None:
    tally = Tally(pack().credit, draft().credit, "")

    tally.add("spared", (1,))

    assert (tally.accounts, tally.tiers, tally.sample, tally.with_less) == (1, {}, [], 0)


def test_points_that_ended_long_ago_count_by_the_way_they_went() -> None:
    entries = ledger([(9, -400, 100), (6, -250, 300)])

    assert points_until(entries, {}, NOW + timedelta(days=1)) == (9, 0, 6)


async def test_points_of_many_are_those_of_each_whatever_relieved_stayed_or_overturned_them(
    databases: OpenDatabase,
) -> None:
    plain, overturned, stayed, rested = sorted(account() for _ in range(4))
    late = NOW + 40 * DAY

    def task(unit: Unit) -> None:
        keep_in_force(unit, subject=plain, points=2)
        keep_overturned(unit, keep_in_force(unit, subject=overturned, points=4))
        keep_appeal(unit, keep_in_force(unit, subject=stayed, points=5))
        first = keep_in_force(unit, subject=rested, points=3)
        keep_appeal(unit, first)
        keep_in_force(unit, subject=rested, points=1, priors=(first,))

    def each(session: Session) -> dict[str, tuple[int, ...]]:
        found = {}
        for subject in (plain, overturned, stayed, rested):
            ledger = store.entries(session, subject)
            stays = store.stays(session, {entry.sanction_id for entry in ledger})
            found[subject.id] = points_until(ledger, stays, late)
        return found

    def pages(session: Session) -> dict[str, tuple[int, ...]]:
        found = store.points_until(session, late, after="", size=3)
        return found | store.points_until(session, late, after=max(found), size=3)

    async with databases("credit") as database:
        await work(database, task)
        folded, paged = await database.read(each), await database.read(pages)

    assert paged == folded
    assert (folded[plain.id], folded[overturned.id], folded[stayed.id]) == ((2,), (0,), (5, 0))
