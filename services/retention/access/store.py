"""Queries on access and its register."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import desc, update
from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.retention.access.domain import Access, EventKind, Scope
from services.retention.access.models import AccessEventRow, AccessGroup, AccessRow


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the register; `position` counts from 0 without gaps, `leaf_index` is None until it is sealed."""

    position: int
    event_id: str
    kind: EventKind
    time: datetime
    salt: bytes
    statement: bytes
    leaf_index: int | None


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


def register(
    session: Session, access_id: str, *, event_id: str, kind: EventKind, time: datetime, salt: bytes, statement: bytes
) -> None:
    """Adds an entry to the register, after all others."""
    query = select(AccessEventRow.position).order_by(desc(col(AccessEventRow.position))).limit(1)
    last = session.exec(query).first()
    session.flush()
    session.add(
        AccessEventRow(
            position=0 if last is None else last + 1,
            event_id=event_id,
            access_id=access_id,
            kind=kind.name,
            time=time,
            salt=salt,
            statement=statement,
        )
    )
    session.flush()


def events(session: Session, access_id: str, *, after: int, limit: int) -> list[Event]:
    """Entries after a position; of one access, or with an empty id of all."""
    query = select(AccessEventRow).where(col(AccessEventRow.position) > after)
    if access_id:
        query = query.where(AccessEventRow.access_id == access_id.lower())
    return [_event(row) for row in session.exec(query.order_by(col(AccessEventRow.position)).limit(limit))]


def unsealed(session: Session, limit: int) -> list[Event]:
    """The oldest entries that no leaf commits to."""
    query = select(AccessEventRow).where(col(AccessEventRow.leaf_index).is_(None))
    return [_event(row) for row in session.exec(query.order_by(col(AccessEventRow.position)).limit(limit))]


def set_leaf(session: Session, position: int, leaf_index: int) -> None:
    """Notes the leaf that commits to an entry."""
    session.execute(
        update(AccessEventRow).where(col(AccessEventRow.position) == position).values(leaf_index=leaf_index)
    )


def _event(row: AccessEventRow) -> Event:
    return Event(
        position=row.position,
        event_id=row.event_id,
        kind=EventKind[row.kind],
        time=row.time,
        salt=row.salt,
        statement=row.statement,
        leaf_index=row.leaf_index,
    )


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
    )
