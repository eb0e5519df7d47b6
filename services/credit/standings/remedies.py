"""What it takes to win points back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.refusal import ErrorReason, Refusal
from policies.pack import RemedyKind, RemedyPolicy
from services.credit.standings.domain import (
    LedgerEntry,
    OverturnEntry,
    PointsEntry,
    ReliefEntry,
    ReliefKind,
    points_left,
)


@dataclass(frozen=True)
class Remedy:
    """A completed remedy: which sanction it answers, and the SHA-256 of what proves it."""

    kind: RemedyKind
    sanction_id: str
    proof_sha256: str


@dataclass(frozen=True)
class Offer:
    """A remedy that is open now, and the points that it would win back."""

    kind: RemedyKind
    points: int


def record(
    remedy: Remedy, ledger: Sequence[LedgerEntry], policy: RemedyPolicy, *, entry_id: str, at: datetime
) -> ReliefEntry:
    """The entry that a completed remedy adds to a ledger.

    It wins back what the policy gives for its kind, as far as the points of the sanction and the cap leave room.

    Raises:
        Refusal: REMEDY_REFUSED or EVIDENCE_REUSED.
    """
    used = next(
        (each for each in ledger if isinstance(each, ReliefEntry) and each.proof_sha256 == remedy.proof_sha256), None
    )
    if used is not None:
        raise proof_reused(used.sanction_id)
    concerned = [each for each in ledger if each.sanction_id == remedy.sanction_id]
    entry = next((each for each in concerned if isinstance(each, PointsEntry)), None)
    left = 0 if entry is None else points_left(concerned, entry, at)
    if entry is None or left == 0:
        raise _refused("NO_POINTS", "a sanction whose points count", remedy)
    if remedy.kind not in policy.points:
        raise _refused("NOT_OFFERED", f"one of {', '.join(policy.points)}", remedy)
    if _recorded(remedy.kind, entry, concerned):
        raise _refused("RECORDED", "one remedy of a kind for a sanction", remedy)
    room = room_left(ledger, policy, at)
    if room == 0:
        most = f"at most {policy.points_most} points in {policy.within_days} days"
        raise _refused("CAP_REACHED", most, remedy)
    return ReliefEntry(
        entry_id=entry_id,
        subject=entry.subject,
        sanction_id=entry.sanction_id,
        relieved_entry_id=entry.entry_id,
        kind=ReliefKind(remedy.kind),
        points=min(policy.points[remedy.kind], left, room),
        recorded_at=at,
        end=entry.end,
        proof_sha256=remedy.proof_sha256,
    )


def offers(entry: PointsEntry, ledger: Sequence[LedgerEntry], policy: RemedyPolicy, at: datetime) -> list[Offer]:
    """The remedies that would win back points of an entry now, the greatest first."""
    most = min(points_left(ledger, entry, at), room_left(ledger, policy, at))
    found = [
        Offer(kind, min(points, most)) for kind, points in policy.points.items() if not _recorded(kind, entry, ledger)
    ]
    return sorted((offer for offer in found if offer.points), key=lambda offer: (-offer.points, offer.kind))


def room_left(ledger: Sequence[LedgerEntry], policy: RemedyPolicy, at: datetime) -> int:
    """The points that remedies may still win back now. What was won back of an overturned sanction uses no room."""
    overturned = {entry.overturned_entry_id for entry in ledger if isinstance(entry, OverturnEntry)}
    since = at - timedelta(days=policy.within_days)
    won = sum(
        entry.points
        for entry in ledger
        if isinstance(entry, ReliefEntry)
        and entry.proof_sha256
        and entry.relieved_entry_id not in overturned
        and entry.recorded_at > since
    )
    return max(0, policy.points_most - won)


def proof_reused(sanction_id: str) -> Refusal:
    """The refusal of a second remedy on the same proof."""
    return Refusal.field(
        "proof_sha256",
        "the same proof already won back points",
        reason=ErrorReason.ERROR_REASON_EVIDENCE_REUSED,
        satisfy="the proof of another remedy",
        sanction_id=sanction_id,
    )


def _recorded(kind: RemedyKind, entry: PointsEntry, ledger: Sequence[LedgerEntry]) -> bool:
    return any(
        isinstance(each, ReliefEntry) and each.relieved_entry_id == entry.entry_id and each.kind.value == kind.value
        for each in ledger
    )


def _refused(cause: str, satisfy: str, remedy: Remedy) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_REMEDY_REFUSED,
        "the remedy wins back nothing",
        satisfy=satisfy,
        cause=cause,
        sanction_id=remedy.sanction_id,
    )
