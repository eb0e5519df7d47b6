"""Queries on access."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.retention.access.domain import Access, Scope
from services.retention.access.models import AccessGroup, AccessRow


def add(session: Session, access: Access) -> None:
    """Keeps a new access."""
    session.add(_row(access))
    session.flush()
    session.add_all(AccessGroup(access_id=access.access_id, group_id=group_id) for group_id in access.scope.group_ids)


def get(session: Session, access_id: str) -> Access:
    """An access.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(AccessRow, access_id.lower())
    if row is None:
        raise Refusal.not_found("access", access_id)
    query = select(AccessGroup.group_id).where(AccessGroup.access_id == row.access_id)
    groups = session.exec(query.order_by(col(AccessGroup.group_id)))
    return Access(
        access_id=row.access_id,
        case_id=row.case_id,
        legal_basis=row.legal_basis,
        purpose=row.purpose,
        scope=Scope(tuple(groups), row.start_time, row.end_time),
        window=timedelta(seconds=row.window_seconds),
        most_reads=row.most_reads,
        requester=row.requester,
        request_time=row.request_time,
        reads=row.reads,
        approver=row.approver,
        approve_time=row.approve_time,
        close_time=row.close_time,
    )


def save(session: Session, access: Access) -> None:
    """Keeps what became of an access."""
    session.merge(_row(access))


def unregistered_ends(session: Session, at: datetime, limit: int) -> list[str]:
    """Ids of accesses whose window had ended by an instant, by no person's act, which the register does not say yet."""
    query = select(AccessRow.access_id).where(
        col(AccessRow.end_registered).is_(False),
        col(AccessRow.expire_time) <= at,
        col(AccessRow.close_time).is_(None),
    )
    return list(session.exec(query.order_by(col(AccessRow.expire_time)).limit(limit)))


def set_end_registered(session: Session, access_id: str) -> None:
    """Notes that the register holds the end of an access."""
    session.execute(update(AccessRow).where(col(AccessRow.access_id) == access_id).values(end_registered=True))


def _row(access: Access) -> AccessRow:
    return AccessRow(
        access_id=access.access_id,
        case_id=access.case_id,
        legal_basis=access.legal_basis,
        purpose=access.purpose,
        start_time=access.scope.start,
        end_time=access.scope.end,
        window_seconds=int(access.window.total_seconds()),
        most_reads=access.most_reads,
        reads=access.reads,
        requester=access.requester,
        request_time=access.request_time,
        approver=access.approver,
        approve_time=access.approve_time,
        close_time=access.close_time,
        expire_time=access.expire_time,
    )
