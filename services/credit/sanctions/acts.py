"""What a lift, a variation and a stay do, in the transaction of the act."""

from collections.abc import Callable

from chassis.db import Unit
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from services.credit import wire
from services.credit.appeals import store as appeals
from services.credit.blacklist import feed as blacklist_feed
from services.credit.blacklist import store as blacklist
from services.credit.sanctions import rectification, relief_store, store
from services.credit.sanctions.domain import Sanction
from services.credit.sanctions.relief import Actor, check_stay
from services.credit.standings import feed
from services.credit.standings import store as standings
from services.credit.standings.domain import ReliefEntry, ReliefKind, points_left


def lift(unit: Unit, sanction: Sanction) -> Sanction:
    """Ends a sanction that was just lifted: its measures, the points left, its blacklist entry, and nothing else."""
    relief_store.add_lift(unit.session, sanction)
    _relieve(unit, sanction, ReliefKind.LIFT, lambda left: left)
    blacklist.revoke(unit.session, [sanction.sanction_id], at=unit.now)
    return _told(unit, sanction, "lifted")


def vary(unit: Unit, sanction: Sanction, *, points: int) -> Sanction:
    """Applies the variation that was just made, and leaves so many points.

    Raises:
        Refusal: POINTS_REFUSED.
    """

    def taken(left: int) -> int:
        if points > left:
            raise _more_points(left)
        return left - points

    relief_store.add_variation(unit.session, sanction)
    _relieve(unit, sanction, ReliefKind.VARIATION, taken)
    return _told(unit, sanction, "varied")


def stay(unit: Unit, sanction: Sanction, actor: Actor) -> None:
    """Stays a sanction from now until its appeal ends.

    Raises:
        Refusal: WRONG_STATE, OWN_ACCOUNT or REASONS_REQUIRED.
    """
    session, sanction_id = unit.session, sanction.sanction_id
    appeal = next((each for each in appeals.of_sanctions(session, [sanction_id]) if each.decided_at is None), None)
    known = standings.own_stays(session, [sanction_id]).get(sanction_id)
    stayed = known is not None and known.covers(unit.now)
    check_stay(sanction, actor, appeal_state=appeal.state if appeal else "", stayed=stayed, at=unit.now)
    assert appeal is not None  # noqa: S101 - without one the stay was refused
    relief_store.add_stay(session, appeal.appeal_id, stayer=actor.staff_id, reasons=actor.reasons, at=unit.now)
    _told(unit, sanction, "stayed")


def rectify(unit: Unit, sanction: Sanction, actor: Actor, *, proof_sha256: str) -> Sanction:
    """Records that what a sanction ordered was put right in time.

    Raises:
        Refusal: WRONG_STATE or OWN_ACCOUNT.
    """
    stay = standings.stays(unit.session, [sanction.sanction_id]).get(sanction.sanction_id)
    rectified = rectification.rectify(sanction, stay, actor, proof_sha256=proof_sha256, at=unit.now)
    relief_store.add_rectification(unit.session, rectified)
    return _told(unit, rectified, "rectified")


def _relieve(unit: Unit, sanction: Sanction, kind: ReliefKind, taken: Callable[[int], int]) -> None:
    ledger = standings.entries(unit.session, sanction.subject)
    entry = next(iter(standings.points_entries(unit.session, [sanction.sanction_id])), None)
    points = taken(points_left(ledger, entry, unit.now) if entry else 0)
    if entry is None or points == 0:
        return
    standings.add(
        unit,
        ReliefEntry(
            entry_id=new_id(),
            subject=entry.subject,
            sanction_id=entry.sanction_id,
            relieved_entry_id=entry.entry_id,
            kind=kind,
            points=points,
            recorded_at=unit.now,
            end=entry.end,
        ),
    )


def _told(unit: Unit, sanction: Sanction, participle: str) -> Sanction:
    touched = store.subjects_touched(unit.session, sanction)
    feed.publish(unit, touched)
    blacklist_feed.publish(unit, touched)
    unit.audit(
        f"credit.sanction.{participle}",
        subject=wire.subject_message(sanction.subject),
        resource_id=sanction.sanction_id,
    )
    return sanction


def _more_points(left: int) -> Refusal:
    return Refusal.field(
        "points",
        "a variation only takes points away",
        reason=ErrorReason.ERROR_REASON_POINTS_REFUSED,
        satisfy=f"0 to {left}",
        least=0,
        most=left,
    )
