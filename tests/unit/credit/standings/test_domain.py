from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from policies.pack import MeasureKind
from services.credit.standings.domain import (
    LedgerEntry,
    OverturnEntry,
    PointsEntry,
    ReliefEntry,
    ReliefKind,
    Restriction,
    Stay,
    active_points,
    counting,
    spans,
    steps,
)
from tests.unit.credit.builders import DAY, NOW, account, pack

SUBJECT = account()
instants = st.integers(-400, 800).map(lambda hours: NOW + timedelta(hours=hours))


@st.composite
def entries(draw: st.DrawFn) -> PointsEntry:
    start = draw(instants)
    return PointsEntry(
        entry_id=new_id(),
        subject=SUBJECT,
        sanction_id=new_id(),
        points=draw(st.integers(1, 12)),
        start=start,
        end=start + timedelta(hours=draw(st.integers(1, 400))),
        recorded_at=start,
    )


@st.composite
def stays_of(draw: st.DrawFn, ledger: Sequence[PointsEntry]) -> dict[str, Stay]:
    stayed = draw(st.lists(st.sampled_from(list(ledger)), unique=True)) if ledger else []
    found = {}
    for entry in stayed:
        start, hours = draw(instants), draw(st.none() | st.integers(1, 400))
        found[entry.sanction_id] = Stay(start, None if hours is None else start + timedelta(hours=hours))
    return found


def overturn(entry: PointsEntry) -> OverturnEntry:
    return OverturnEntry(new_id(), SUBJECT, entry.sanction_id, entry.entry_id, new_id(), NOW + 400 * DAY)


def relief(entry: PointsEntry, points: int, at: datetime) -> ReliefEntry:
    return ReliefEntry(
        new_id(), SUBJECT, entry.sanction_id, entry.entry_id, ReliefKind.CURE, points, at, entry.end, new_id()
    )


ledgers = st.lists(entries(), max_size=6)


@given(st.data())
def test_standing_does_not_depend_on_the_order_of_entries(data: st.DataObject) -> None:
    points = data.draw(ledgers)
    stays = data.draw(stays_of(points))
    overturned = data.draw(st.lists(st.sampled_from(points), unique=True)) if points else []
    ledger: list[LedgerEntry] = [*points, *(overturn(entry) for entry in overturned)]
    shuffled = data.draw(st.permutations(ledger))
    at = data.draw(instants)

    assert active_points(shuffled, stays, at) == active_points(ledger, stays, at)
    assert counting(shuffled, stays, at) == counting(ledger, stays, at)
    assert steps(shuffled, stays, at) == steps(ledger, stays, at)


@given(st.data())
def test_overturned_entry_leaves_no_trace_at_any_instant(data: st.DataObject) -> None:
    ledger = data.draw(st.lists(entries(), min_size=1, max_size=6))
    fallen = data.draw(st.sampled_from(ledger))
    left = [entry for entry in ledger if entry is not fallen]
    stays = data.draw(stays_of(ledger))
    at = data.draw(instants)

    assert active_points([*ledger, overturn(fallen)], stays, at) == active_points(left, stays, at)
    assert steps([*ledger, overturn(fallen)], stays, at) == steps(left, stays, at)


@given(entries(), instants)
def test_points_count_from_start_until_end_and_not_at_the_end(entry: PointsEntry, at: datetime) -> None:
    assert active_points([entry], {}, at) == (entry.points if entry.start <= at < entry.end else 0)


@given(st.data())
def test_steps_say_the_points_of_every_later_instant(data: st.DataObject) -> None:
    ledger = data.draw(ledgers)
    stays = data.draw(stays_of(ledger))
    at, later = sorted(data.draw(st.tuples(instants, instants)))

    found = steps(ledger, stays, at)

    assert found[0].start == at
    assert [step.start for step in found] == sorted({step.start for step in found})
    holding = [step for step in found if step.start <= later][-1]
    assert holding.points == active_points(ledger, stays, later)


@given(st.data())
def test_more_entries_never_lead_to_a_better_tier(data: st.DataObject) -> None:
    policy = pack().credit
    ledger = data.draw(ledgers)
    fewer = data.draw(st.lists(st.sampled_from(ledger), unique=True)) if ledger else []
    at = data.draw(instants)

    worse = spans(ledger, {}, at, policy)[0].tier
    better = spans(fewer, {}, at, policy)[0].tier

    assert worse.entitlements.at_most(better.entitlements)


@given(st.data())
def test_a_stay_only_ever_takes_points_away(data: st.DataObject) -> None:
    ledger = data.draw(ledgers)
    stays = data.draw(stays_of(ledger))
    at = data.draw(instants)

    assert active_points(ledger, stays, at) <= active_points(ledger, {}, at)


def test_spans_join_steps_of_the_same_tier() -> None:
    def entry(points: int, days: int) -> PointsEntry:
        return PointsEntry(new_id(), SUBJECT, new_id(), points, NOW, NOW + days * DAY, NOW)

    found = spans([entry(3, 10), entry(1, 5), entry(3, 20)], {}, NOW, pack().credit)

    assert [(span.start, span.tier.name) for span in found] == [
        (NOW, "limited"),
        (NOW + 10 * DAY, "fair"),
        (NOW + 20 * DAY, "good"),
    ]


def test_tier_is_left_later_than_it_is_entered_and_the_past_says_which_holds() -> None:
    first = PointsEntry(new_id(), SUBJECT, new_id(), 4, NOW, NOW + 10 * DAY, NOW)
    second = PointsEntry(new_id(), SUBJECT, new_id(), 5, NOW, NOW + 20 * DAY, NOW)
    fresh = PointsEntry(new_id(), SUBJECT, new_id(), 5, NOW + 10 * DAY, NOW + 20 * DAY, NOW + 10 * DAY)

    fallen = spans([first, second], {}, NOW + 10 * DAY, pack().credit)
    entered = spans([fresh], {}, NOW + 10 * DAY, pack().credit)

    assert [span.tier.name for span in fallen] == ["limited", "good"]
    assert [span.tier.name for span in entered] == ["fair", "good"]


@given(st.data())
def test_tier_at_an_instant_is_the_one_foreseen_at_an_earlier_one(data: st.DataObject) -> None:
    ledger = data.draw(ledgers)
    stays = data.draw(stays_of(ledger))
    at, later = sorted(data.draw(st.tuples(instants, instants)))

    foreseen = [span for span in spans(ledger, stays, at, pack().credit) if span.start <= later][-1]

    assert spans(ledger, stays, later, pack().credit)[0].tier == foreseen.tier


@given(entries(), st.integers(1, 15), instants, instants)
def test_relief_counts_from_its_record_until_the_points_end_and_never_below_zero(
    entry: PointsEntry, points: int, recorded: datetime, at: datetime
) -> None:
    ledger: list[PointsEntry | ReliefEntry] = [entry, relief(entry, points, recorded)]

    held = max(0, entry.points - points) if recorded <= at else entry.points
    assert active_points(ledger, {}, at) == (held if entry.start <= at < entry.end else 0)
    assert active_points([*ledger, overturn(entry)], {}, at) == 0


def test_restriction_holds_within_its_term_and_outside_of_a_stay() -> None:
    stay = Stay(NOW + 2 * DAY, NOW + 4 * DAY)
    restriction = Restriction(new_id(), MeasureKind.ACCOUNT_SUSPENDED, NOW, NOW + 10 * DAY, stay)

    held = [days for days in range(-1, 12) if restriction.holds(NOW + days * DAY)]

    assert held == [0, 1, 4, 5, 6, 7, 8, 9]


def test_restriction_without_an_end_holds_until_stayed() -> None:
    restriction = Restriction(new_id(), MeasureKind.ACCOUNT_CLOSED, NOW, None, Stay(NOW + DAY, None))

    assert restriction.holds(NOW)
    assert not restriction.holds(NOW + DAY)
    assert not restriction.holds(NOW + 10_000 * DAY)
