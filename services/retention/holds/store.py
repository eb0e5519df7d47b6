"""Queries on holds."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import update
from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.retention.access.domain import Scope
from services.retention.holds.domain import Hold, Proposal
from services.retention.holds.models import HoldGroup, HoldRow

_AT_ONCE = 1_000


def add(session: Session, hold: Hold) -> None:
    """Keeps a new hold."""
    session.add(_row(hold))
    session.flush()
    session.add_all(HoldGroup(hold_id=hold.hold_id, group_id=group_id) for group_id in hold.scope.group_ids)
    session.flush()


def get(session: Session, hold_id: str) -> Hold:
    """A hold.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(HoldRow, hold_id.lower())
    if row is None:
        raise Refusal.not_found("hold", hold_id)
    return _holds(session, [row])[0]


def save(session: Session, hold: Hold) -> None:
    """Keeps what became of a hold."""
    session.merge(_row(hold))
    session.flush()


def page(session: Session, *, after: str, limit: int) -> list[Hold]:
    """Holds after an id, oldest first."""
    query = select(HoldRow).where(col(HoldRow.hold_id) > after).order_by(col(HoldRow.hold_id)).limit(limit)
    return _holds(session, session.exec(query).all())


def not_ended(session: Session) -> list[Hold]:
    """The holds that keep keys, or may."""
    query = select(HoldRow).where(col(HoldRow.ended).is_(False)).order_by(col(HoldRow.hold_id))
    return _holds(session, session.exec(query).all())


def set_ended(session: Session, hold_id: str) -> None:
    """Notes that a hold keeps no keys any more."""
    session.execute(update(HoldRow).where(col(HoldRow.hold_id) == hold_id).values(ended=True))


def _holds(session: Session, rows: Sequence[HoldRow]) -> list[Hold]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for at in range(0, len(rows), _AT_ONCE):
        hold_ids = [row.hold_id for row in rows[at : at + _AT_ONCE]]
        query = select(HoldGroup.hold_id, HoldGroup.group_id).where(col(HoldGroup.hold_id).in_(hold_ids))
        for hold_id, group_id in session.exec(query.order_by(col(HoldGroup.group_id))):
            groups[hold_id].append(group_id)
    return [_hold(row, groups[row.hold_id]) for row in rows]


def _hold(row: HoldRow, group_ids: Sequence[str]) -> Hold:
    return Hold(
        hold_id=row.hold_id,
        case_id=row.case_id,
        legal_basis=row.legal_basis,
        scope=Scope(tuple(group_ids), row.start_time, row.end_time),
        participant=row.participant,
        review_time=row.review_time,
        place_time=row.place_time,
        proposer=row.proposer,
        pending=Proposal(row.pending) if row.pending else None,
        pending_review_time=row.pending_review_time,
        approver=row.approver,
        release_time=row.release_time,
    )


def _row(hold: Hold) -> HoldRow:
    return HoldRow(
        hold_id=hold.hold_id,
        case_id=hold.case_id,
        legal_basis=hold.legal_basis,
        start_time=hold.scope.start,
        end_time=hold.scope.end,
        participant=hold.participant,
        review_time=hold.review_time,
        place_time=hold.place_time,
        proposer=hold.proposer,
        pending=hold.pending.value if hold.pending else None,
        pending_review_time=hold.pending_review_time,
        approver=hold.approver,
        release_time=hold.release_time,
    )
