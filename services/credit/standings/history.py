"""The ledger as it is read: what was written, and what time alone has done to it, in the order in which it came about.

An expiry is no row, because nobody does it: it follows from the points and their term whenever the ledger is read. So
none can be forgotten, come late or be written for points that were taken back before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.credit.standings.domain import LedgerEntry, OverturnEntry, PointsEntry, ReliefEntry


@dataclass(frozen=True)
class ExpiryEntry:
    """That the points which are left of an entry count no longer, from its end on, by the term that its rule sets."""

    expired: PointsEntry
    points: int


HistoryEntry = LedgerEntry | ExpiryEntry


def history(entries: Iterable[LedgerEntry], at: datetime) -> list[HistoryEntry]:
    """All entries, with the expiries up to an instant, in their order.

    Once listed an entry stays listed, where it is: an expiry that came before the overturn of its points, too.
    """
    known = list(entries)
    overturned = {each.overturned_entry_id: each.recorded_at for each in known if isinstance(each, OverturnEntry)}
    relieved: dict[str, int] = {}
    for each in known:
        if isinstance(each, ReliefEntry):
            relieved[each.relieved_entry_id] = relieved.get(each.relieved_entry_id, 0) + each.points
    expired = [
        ExpiryEntry(each, each.points - relieved.get(each.entry_id, 0))
        for each in known
        if isinstance(each, PointsEntry) and each.end <= min(at, overturned.get(each.entry_id, at))
    ]
    return sorted([*known, *(each for each in expired if each.points > 0)], key=key_of)


def key_of(entry: HistoryEntry) -> str:
    """What the ledger is ordered by: the instant at which an entry came about, then its id."""
    if isinstance(entry, ExpiryEntry):
        return _key(entry.expired.end, entry.expired.entry_id)
    return _key(entry.recorded_at, entry.entry_id)


def _key(at: datetime, entry_id: str) -> str:
    return f"{at.isoformat(timespec='microseconds')} {entry_id}"
