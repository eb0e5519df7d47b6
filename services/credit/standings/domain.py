"""The fold from a ledger and an instant to standing.

Nothing is counted, cached or set: what holds at an instant follows from the entries alone, in whatever order they
are read. An overturned entry counts at no instant, not even at those before it was overturned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from policies.pack import CreditPolicy, MeasureKind, Tier
from services.credit.subjects import Subject


@dataclass(frozen=True)
class PointsEntry:
    """Points of a sanction, counting from `start` (inside) to `end` (outside)."""

    entry_id: str
    subject: Subject
    sanction_id: str
    points: int
    start: datetime
    end: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class OverturnEntry:
    """Takes back one points entry, for all instants."""

    entry_id: str
    subject: Subject
    sanction_id: str
    overturned_entry_id: str
    appeal_id: str
    recorded_at: datetime


LedgerEntry = PointsEntry | OverturnEntry


@dataclass(frozen=True)
class Stay:
    """The time during which a sanction has no effect: from the missed deadline of its appeal until the decision.

    `end` is None while the appeal is undecided.
    """

    start: datetime
    end: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether the sanction is stayed at the instant."""
        return self.start <= at and (self.end is None or at < self.end)


Stays = Mapping[str, Stay]
"""Stays by the id of the sanction; at most one a sanction, because a sanction has one appeal."""


@dataclass(frozen=True)
class Restriction:
    """A measure of a sanction, in force from `start` to `end`, or without an end."""

    sanction_id: str
    kind: MeasureKind
    start: datetime
    end: datetime | None
    stay: Stay | None

    def holds(self, at: datetime) -> bool:
        """Whether it has effect at the instant."""
        in_term = self.start <= at and (self.end is None or at < self.end)
        return in_term and not (self.stay and self.stay.covers(at))


@dataclass(frozen=True)
class Step:
    """Active points from `start` until the next step."""

    start: datetime
    points: int


@dataclass(frozen=True)
class Span:
    """A tier from `start` until the next span."""

    start: datetime
    tier: Tier


def counting(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> list[PointsEntry]:
    """The entries whose points count at an instant, oldest first."""
    return [entry for entry in _standing_entries(entries) if _counts(entry, stays, at)]


def active_points(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> int:
    """The sum of the points that count at an instant."""
    return sum(entry.points for entry in counting(entries, stays, at))


def steps(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> list[Step]:
    """How the points change by time alone from an instant on; the first step starts at the instant itself."""
    standing = _standing_entries(entries)
    edges = {edge for entry in standing for edge in _edges(entry, stays) if edge > at}
    found: list[Step] = []
    for start in [at, *sorted(edges)]:
        points = sum(entry.points for entry in standing if _counts(entry, stays, start))
        if not found or found[-1].points != points:
            found.append(Step(start, points))
    return found


def spans(points: Sequence[Step], policy: CreditPolicy) -> list[Span]:
    """The tiers that steps of points lead to under a policy."""
    found: list[Span] = []
    for step in points:
        tier = policy.tier_of(step.points)
        if not found or found[-1].tier != tier:
            found.append(Span(step.start, tier))
    return found


def _standing_entries(entries: Iterable[LedgerEntry]) -> list[PointsEntry]:
    known = list(entries)
    overturned = {entry.overturned_entry_id for entry in known if isinstance(entry, OverturnEntry)}
    left = (entry for entry in known if isinstance(entry, PointsEntry) and entry.entry_id not in overturned)
    return sorted(left, key=lambda entry: (entry.start, entry.entry_id))


def _counts(entry: PointsEntry, stays: Stays, at: datetime) -> bool:
    stay = stays.get(entry.sanction_id)
    return entry.start <= at < entry.end and not (stay and stay.covers(at))


def _edges(entry: PointsEntry, stays: Stays) -> list[datetime]:
    stay = stays.get(entry.sanction_id)
    edges = [entry.start, entry.end]
    if stay:
        edges.append(stay.start)
        if stay.end:
            edges.append(stay.end)
    return edges
