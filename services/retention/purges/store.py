"""Queries on purges and on what they destroy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, delete, func, update
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from services.retention.access.models import AccessGroup, AccessRow
from services.retention.audit.models import AuditIndex
from services.retention.holds.models import HoldGroup, HoldRow
from services.retention.lifecycle.domain import DAY, ClassName, Pulse, midnight
from services.retention.purges.domain import Purge, State
from services.retention.purges.models import ClockRow, PurgeRow
from services.retention.register.models import RegisterRow
from services.retention.register.store import Noun
from services.retention.segments import store as catalogue
from services.retention.segments.models import SegmentRow
from services.retention.segments.store import Sealed


@dataclass(frozen=True, slots=True)
class Doomed:
    """A segment that a purge destroys."""

    segment_id: str
    first_index: int
    next_index: int
    file: str
    leaf_index: int


def pulse(session: Session) -> Pulse | None:
    """What is known of the clock."""
    row = session.get(ClockRow, 1)
    return Pulse(row.time, row.steady_since) if row else None


def save_pulse(session: Session, seen: Pulse) -> None:
    """Keeps what is known of the clock."""
    session.merge(ClockRow(time=seen.time, steady_since=seen.steady_since))


def oldest_day(session: Session, name: ClassName, start: datetime) -> date | None:
    """The first day from an instant on that has segments which no purge took."""
    query = select(func.min(SegmentRow.first_receive_time)).where(
        SegmentRow.record_class == name.value,
        col(SegmentRow.purge_id).is_(None),
        col(SegmentRow.first_receive_time) >= start,
    )
    first: datetime | None = session.exec(query).one()
    return first.date() if first else None


def of_day(session: Session, name: ClassName, day: date) -> list[Sealed]:
    """The segments of a day which no purge took."""
    return catalogue.of_day(session, name.value, midnight(day), midnight(day) + DAY)


def count_of_day(session: Session, name: ClassName, day: date) -> int:
    """How many purges a day has had."""
    query = select(func.count()).where(PurgeRow.class_name == name.value, PurgeRow.day == day.isoformat())
    return session.exec(query).one()


def add(session: Session, purge: Purge, segment_ids: Sequence[str]) -> None:
    """Keeps a new purge, which takes segments: from here on nobody reads them."""
    session.add(_row(purge))
    session.flush()
    if segment_ids:
        taken = [{"segment_id": segment_id, "purge_id": purge.purge_id} for segment_id in segment_ids]
        session.execute(update(SegmentRow), taken)


def save(session: Session, purge: Purge) -> None:
    """Keeps how far a purge has come."""
    session.merge(_row(purge))


def unfinished(session: Session) -> list[Purge]:
    """The purges that have not come to their end, oldest first."""
    query = select(PurgeRow).where(PurgeRow.state != State.CERTIFIED.value).order_by(col(PurgeRow.purge_id))
    return [_purge(row) for row in session.exec(query)]


def doomed(session: Session, purge_id: str) -> list[Doomed]:
    """What a purge destroys, by the order of the log."""
    query = select(SegmentRow).where(SegmentRow.purge_id == purge_id).order_by(col(SegmentRow.leaf_index))
    return [
        Doomed(row.segment_id, row.first_index, row.next_index, row.file, row.leaf_index) for row in session.exec(query)
    ]


def forget_audit(session: Session, segments: Sequence[Doomed]) -> None:
    """Takes the audit records of segments out of the index."""
    for each in segments:
        session.execute(
            delete(AuditIndex).where(
                col(AuditIndex.position) >= each.first_index, col(AuditIndex.position) < each.next_index
            )
        )


def oldest_registered_day(session: Session, start: datetime) -> date | None:
    """The first day from an instant on, on which an access or a hold had its last event."""
    first = _last_events().having(func.max(RegisterRow.time) >= start).subquery()
    last: datetime | None = session.exec(select(func.min(first.c.last))).one()
    return last.date() if last else None


def take_registered(session: Session, day: date) -> list[int]:
    """Takes the accesses and holds that had their last event on a day out of the tables; returns their leaves.

    What is not over, or has an event without a leaf yet, stays.
    """
    on_day = _last_events().having(func.max(RegisterRow.time) >= midnight(day))
    on_day = on_day.having(func.max(RegisterRow.time) < midnight(day) + DAY)
    leaves: list[int] = []
    for resource_id, _ in session.execute(on_day).all():
        hold = session.get(HoldRow, resource_id)
        rows = session.exec(select(RegisterRow).where(RegisterRow.resource_id == resource_id)).all()
        if (hold is not None and not hold.ended) or any(row.leaf_index is None for row in rows):
            continue
        leaves += [row.leaf_index for row in rows if row.leaf_index is not None]
        session.execute(delete(RegisterRow).where(col(RegisterRow.resource_id) == resource_id))
        session.execute(delete(AccessGroup).where(col(AccessGroup.access_id) == resource_id))
        session.execute(delete(AccessRow).where(col(AccessRow.access_id) == resource_id))
        session.execute(delete(HoldGroup).where(col(HoldGroup.hold_id) == resource_id))
        session.execute(delete(HoldRow).where(col(HoldRow.hold_id) == resource_id))
    return sorted(leaves)


def _last_events() -> Select[str, datetime]:
    """By access and by hold, when its last event was."""
    nouns = (Noun.ACCESS.value, Noun.HOLD.value)
    query = sql_select(col(RegisterRow.resource_id), func.max(col(RegisterRow.time)).label("last"))
    return query.where(col(RegisterRow.noun).in_(nouns)).group_by(col(RegisterRow.resource_id))


def _purge(row: PurgeRow) -> Purge:
    return Purge(
        purge_id=row.purge_id,
        name=ClassName(row.class_name),
        day=date.fromisoformat(row.day),
        terms_id=row.terms_id,
        plan_time=row.plan_time,
        segments=row.segments,
        records=row.records,
        kept_segments=row.kept_segments,
        hold_ids=tuple(row.hold_ids.split(",")) if row.hold_ids else (),
        log_size=row.log_size,
        log_root=row.log_root,
        state=State(row.state),
        keys_destroy_time=row.keys_destroy_time,
        bytes_freed=row.bytes_freed,
        certify_time=row.certify_time,
    )


def _row(purge: Purge) -> PurgeRow:
    return PurgeRow(
        purge_id=purge.purge_id,
        class_name=purge.name.value,
        day=purge.day.isoformat(),
        terms_id=purge.terms_id,
        state=purge.state.value,
        plan_time=purge.plan_time,
        segments=purge.segments,
        records=purge.records,
        kept_segments=purge.kept_segments,
        hold_ids=",".join(purge.hold_ids),
        log_size=purge.log_size,
        log_root=purge.log_root,
        keys_destroy_time=purge.keys_destroy_time,
        bytes_freed=purge.bytes_freed,
        certify_time=purge.certify_time,
    )
