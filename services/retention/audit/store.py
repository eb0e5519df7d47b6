"""Queries on the audit trail. Positions count the audit records of the log from 0 without gaps."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import desc, func, insert, update
from sqlmodel import Session, col, select

from services.retention.audit.domain import Entry
from services.retention.audit.models import AuditIndex, AuditPosition
from services.retention.log.leaves import RecordClass
from services.retention.segments import store as catalogue
from services.retention.segments.models import SegmentRow


def digests(session: Session, audit_ids: Sequence[str]) -> dict[str, bytes]:
    """By audit id, the digests of those that were kept."""
    query = select(AuditIndex.audit_id, AuditIndex.digest).where(col(AuditIndex.audit_id).in_(audit_ids))
    return dict(session.exec(query).all())


def add(session: Session, entries: Sequence[Entry], receive_time: datetime) -> None:
    """Keeps records after all that were kept before, also where a purge left nothing of those."""
    last = session.exec(select(AuditIndex.position).order_by(desc(col(AuditIndex.position))).limit(1)).first()
    first = 0 if last is None else last + 1
    rows = [
        {
            "position": position,
            "audit_id": entry.audit_id,
            "trace_id": entry.trace_id,
            "subject": entry.subject,
            "event_time": entry.event_time,
            "receive_time": receive_time,
            "digest": entry.digest,
            "body": entry.body,
        }
        for position, entry in enumerate(entries, max(first, catalogue.next_index(session, RecordClass.AUDIT)))
    ]
    session.execute(insert(AuditIndex), rows)


def position(session: Session, service: str, epoch: str) -> AuditPosition | None:
    """How far a service has come in an epoch."""
    return session.get(AuditPosition, (service, epoch))


def advance(session: Session, service: str, epoch: str, entry: Entry) -> None:
    """Keeps how far a service has come in an epoch."""
    session.merge(AuditPosition(service=service, epoch=epoch, sequence=entry.sequence, audit_id=entry.audit_id))


def unsealed(session: Session, first_position: int, limit: int) -> list[AuditIndex]:
    """Records from a position on."""
    query = select(AuditIndex).where(col(AuditIndex.position) >= first_position)
    return list(session.exec(query.order_by(col(AuditIndex.position)).limit(limit)))


def drop_bodies(session: Session, first_position: int, next_position: int) -> None:
    """Leaves the records of a span to the segment that holds them."""
    session.execute(
        update(AuditIndex)
        .where(col(AuditIndex.position) >= first_position, col(AuditIndex.position) < next_position)
        .values(body=None)
    )


def known_from(session: Session) -> datetime | None:
    """From when on the trail is whole: when the oldest record that no purge took was received; None if none is left."""
    kept = select(func.min(SegmentRow.first_receive_time)).where(
        SegmentRow.record_class == RecordClass.AUDIT.name, col(SegmentRow.purge_id).is_(None)
    )
    first: datetime | None = session.exec(kept).one()
    if first is None:
        sealed = catalogue.next_index(session, RecordClass.AUDIT)
        first = session.exec(select(func.min(AuditIndex.receive_time)).where(col(AuditIndex.position) >= sealed)).one()
    return first


def of_trace(session: Session, trace_id: str, *, after: int, limit: int) -> list[AuditIndex]:
    """Records of a trace after a position."""
    query = select(AuditIndex).where(AuditIndex.trace_id == trace_id, col(AuditIndex.position) > after)
    return list(session.exec(query.order_by(col(AuditIndex.position)).limit(limit)))


def of_subject(session: Session, subject: str, *, after: int, limit: int) -> list[AuditIndex]:
    """Records of a subject after a position."""
    query = select(AuditIndex).where(AuditIndex.subject == subject, col(AuditIndex.position) > after)
    return list(session.exec(query.order_by(col(AuditIndex.position)).limit(limit)))
