"""The fold from a ledger and an instant to standing.

Nothing is counted, cached or set: what holds at an instant follows from the entries alone, in whatever order they
are read. An overturned entry counts at no instant, not even at those before it was overturned, and what relieved it
falls with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

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


class ReliefKind(StrEnum):
    """Why points count no longer, before their own end."""

    COURSE = "COURSE"
    CURE = "CURE"
    VARIATION = "VARIATION"
    LIFT = "LIFT"


@dataclass(frozen=True)
class ReliefEntry:
    """Takes points off one points entry, from its record until that entry's own end: never longer, never earlier."""

    entry_id: str
    subject: Subject
    sanction_id: str
    relieved_entry_id: str
    kind: ReliefKind
    points: int
    recorded_at: datetime
    end: datetime
    proof_sha256: str = ""


LedgerEntry = PointsEntry | OverturnEntry | ReliefEntry


@dataclass(frozen=True)
class Stay:
    """The time during which a sanction has no effect: from the missed deadline of its appeal until the decision.

    `end` is None while the appeal is undecided; `others` are the stays of what the sanction rests on.
    """

    start: datetime
    end: datetime | None
    others: tuple["Stay", ...] = ()

    def covers(self, at: datetime) -> bool:
        """Whether the sanction is stayed at the instant."""
        within = self.start <= at and (self.end is None or at < self.end)
        return within or any(other.covers(at) for other in self.others)

    @property
    def open_from(self) -> datetime | None:
        """From when on it holds while an appeal is undecided; None if all are decided."""
        return min((each.start for each in (self, *self.others) if each.end is None), default=None)

    @property
    def edges(self) -> set[datetime]:
        """The instants at which it begins or ends."""
        return {edge for each in (self, *self.others) for edge in (each.start, each.end) if edge}


_BY_RECORD, _BY_START = attrgetter("recorded_at", "entry_id"), attrgetter("start", "entry_id")

Stays = Mapping[str, Stay]
"""Stays by the id of the sanction."""


def inherited(own: Stays, rests_on: Mapping[str, Iterable[str]]) -> Stays:
    """The stays of sanctions, those of what each rests on taken in.

    Args:
        own: Stays by the id of the sanction that was appealed.
        rests_on: For each sanction the ids of all that it rests on, directly or through others.
    """
    found = {}
    for sanction_id, grounds in rests_on.items():
        stays = [own[each] for each in sorted({sanction_id, *grounds}) if each in own]
        if stays:
            found[sanction_id] = replace(stays[0], others=tuple(stays[1:]))
    return found


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


@dataclass(frozen=True)
class Period:
    """A policy in force from `start` until the next period."""

    start: datetime
    policy: CreditPolicy


@dataclass(frozen=True)
class _Account:
    """A points entry that was not overturned, with what relieves it."""

    entry: PointsEntry
    reliefs: tuple[ReliefEntry, ...]
    stay: Stay | None

    def points(self, at: datetime) -> int:
        """How many of its points count at an instant."""
        if not self.entry.start <= at < self.entry.end or (self.stay and self.stay.covers(at)):
            return 0
        return max(0, self.entry.points - sum(relief.points for relief in self.reliefs if relief.recorded_at <= at))

    def changes(self) -> list[tuple[datetime, int]]:
        """At each instant at which that changes, ascending, by how much."""
        edges = {self.entry.start, self.entry.end, *(relief.recorded_at for relief in self.reliefs)}
        found, before = [], 0
        for edge in sorted(edges | self.stay.edges if self.stay else edges):
            points = self.points(edge)
            found.append((edge, points - before))
            before = points
        return found


def counting(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> list[PointsEntry | ReliefEntry]:
    """The entries that count at an instant: points, oldest first, each followed by what relieves it."""
    found: list[PointsEntry | ReliefEntry] = []
    for account in _accounts(entries, stays):
        if account.entry.start <= at < account.entry.end and not (account.stay and account.stay.covers(at)):
            found += [account.entry, *(relief for relief in account.reliefs if relief.recorded_at <= at)]
    return found


def points_left(entries: Iterable[LedgerEntry], entry: PointsEntry, at: datetime) -> int:
    """How many points of an entry count at an instant, a stay left aside; 0 if it was overturned."""
    concerned = [each for each in entries if each.sanction_id == entry.sanction_id]
    return sum(account.points(at) for account in _accounts(concerned, {}) if account.entry == entry)


def active_points(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> int:
    """The sum of the points that count at an instant."""
    return sum(account.points(at) for account in _accounts(entries, stays))


def steps(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> list[Step]:
    """How the points change by time alone from an instant on; the first step starts at the instant itself."""
    course = _course(_accounts(entries, stays))
    now = next((step.points for step in reversed(course) if step.start <= at), 0)
    return [Step(at, now), *(step for step in course if step.start > at)]


def spans(entries: Iterable[LedgerEntry], stays: Stays, at: datetime, policy: CreditPolicy) -> list[Span]:
    """The tiers from an instant on under a policy; the first span starts at the instant itself.

    A tier depends on the one before it, so the ledger is read from its first entry on, each time.
    """
    tier = policy.tier_of(0)
    found = [Span(at, tier)]
    for step in _course(_accounts(entries, stays)):
        tier = policy.tier_of(step.points, tier)
        if step.start <= at:
            found = [Span(at, tier)]
        elif found[-1].tier is not tier:
            found.append(Span(step.start, tier))
    return found


def spans_through(entries: Sequence[LedgerEntry], stays: Stays, at: datetime, periods: Sequence[Period]) -> list[Span]:
    """The tiers from an instant on, each by the policy that is in force in its time.

    Args:
        entries: The ledger.
        stays: Stays of the sanctions in it.
        at: The instant.
        periods: The policies in force at the instant and after it, ascending.
    """
    found: list[Span] = []
    starts = [at, *(period.start for period in periods[1:])]
    for period, start, end in zip(periods, starts, [*starts[1:], None], strict=True):
        for span in spans(entries, stays, start, period.policy):
            if (end is None or span.start < end) and not (found and found[-1].tier == span.tier):
                found.append(span)
    return found


def points_until(entries: Iterable[LedgerEntry], stays: Stays, at: datetime) -> tuple[int, ...]:
    """The points up to an instant, change by change: what the tier at the instant rests on."""
    return _points(_course(_accounts(entries, stays)), at)


def points_of_terms(terms: Iterable[tuple[int, datetime, datetime]], at: datetime) -> tuple[int, ...]:
    """What `points_until` gives for entries that nothing relieves, overturns or stays, much sooner.

    Args:
        terms: Of each entry the points, their start and their end.
        at: The instant.
    """
    return _points(_running(change for points, start, end in terms for change in ((start, points), (end, -points))), at)


def _points(course: Iterable[Step], at: datetime) -> tuple[int, ...]:
    return tuple(step.points for step in course if step.start <= at) or (0,)


def _course(accounts: Iterable[_Account]) -> list[Step]:
    """The points from each instant on at which they change, ascending; there are none before the first."""
    return _running(change for account in accounts for change in account.changes())


def _running(changes: Iterable[tuple[datetime, int]]) -> list[Step]:
    """The sum of changes up to each of their instants at which it is another than before, ascending."""
    totals: dict[datetime, int] = {}
    for at, change in changes:
        totals[at] = totals.get(at, 0) + change
    found: list[Step] = []
    points = 0
    for start in sorted(totals):
        if totals[start]:
            points += totals[start]
            found.append(Step(start, points))
    return found


def _accounts(entries: Iterable[LedgerEntry], stays: Stays) -> list[_Account]:
    standing: list[PointsEntry] = []
    reliefs: dict[str, list[ReliefEntry]] = {}
    overturned = set[str]()
    for entry in entries:
        match entry:
            case PointsEntry():
                standing.append(entry)
            case ReliefEntry():
                reliefs.setdefault(entry.relieved_entry_id, []).append(entry)
            case OverturnEntry():
                overturned.add(entry.overturned_entry_id)
    return [
        _Account(entry, tuple(sorted(reliefs.get(entry.entry_id, ()), key=_BY_RECORD)), stays.get(entry.sanction_id))
        for entry in sorted(standing, key=_BY_START)
        if entry.entry_id not in overturned
    ]
