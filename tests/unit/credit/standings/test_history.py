from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from services.credit.standings.domain import (
    LedgerEntry,
    OverturnEntry,
    PointsEntry,
    ReliefEntry,
    ReliefKind,
    active_points,
)
from services.credit.standings.history import ExpiryEntry, HistoryEntry, history, key_of
from tests.unit.credit.builders import NOW, account

SUBJECT = account()
HOURS = st.integers(0, 400)


def after(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntry]:
    """Points, some of them relieved before their end, and overturned at any time after that."""
    found: list[LedgerEntry] = []
    for _ in range(draw(st.integers(0, 5))):
        start = draw(HOURS)
        end = start + draw(st.integers(1, 200))
        points = PointsEntry(
            new_id(), SUBJECT, new_id(), draw(st.integers(1, 12)), after(start), after(end), after(start)
        )
        found.append(points)
        left = points.points
        times = sorted(draw(st.lists(st.integers(start, end - 1), max_size=2)))
        for at in times:
            taken = draw(st.integers(0, left))
            left -= taken
            if taken:
                common = (new_id(), SUBJECT, points.sanction_id, points.entry_id)
                found.append(ReliefEntry(*common, ReliefKind.CURE, taken, after(at), points.end, new_id()))
        if draw(st.booleans()):
            at = draw(st.integers(max([start, *times]), start + 400))
            common = (new_id(), SUBJECT, points.sanction_id, points.entry_id)
            found.append(OverturnEntry(*common, new_id(), after(at)))
    return found


def known_at(ledger: Iterable[LedgerEntry], at: datetime) -> list[LedgerEntry]:
    return [entry for entry in ledger if entry.recorded_at <= at]


def folded(listed: Iterable[HistoryEntry]) -> int:
    """The points that are left when each entry is added, taken off or taken back as it comes."""
    left: dict[str, int] = {}
    for entry in listed:
        match entry:
            case PointsEntry():
                left[entry.entry_id] = entry.points
            case ReliefEntry():
                left[entry.relieved_entry_id] -= entry.points
            case ExpiryEntry():
                left[entry.expired.entry_id] -= entry.points
            case OverturnEntry():
                left[entry.overturned_entry_id] = 0
    return sum(left.values())


@given(ledgers(), HOURS)
def test_fold_over_what_is_listed_is_the_standing(ledger: list[LedgerEntry], hours: int) -> None:
    at = after(hours)
    known = known_at(ledger, at)

    assert folded(history(known, at)) == active_points(known, {}, at)


@given(ledgers(), HOURS, HOURS)
def test_what_is_listed_stays_listed_where_it_is(ledger: list[LedgerEntry], hours: int, more: int) -> None:
    earlier, later = after(hours), after(hours + more)

    before = history(known_at(ledger, earlier), earlier)

    listed = history(known_at(ledger, later), later)
    assert listed[: len(before)] == before
    assert all(key_of(entry) > key_of(before[-1]) for entry in listed[len(before) :] if before)
    assert len({key_of(entry) for entry in listed}) == len(listed)
