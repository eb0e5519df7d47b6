"""Queries on the catalogue."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import desc
from sqlmodel import Session, col, select

from services.retention.log.leaves import RecordClass, SegmentLeaf
from services.retention.segments.models import ProducerHead, SegmentProducer, SegmentRow
from services.retention.segments.records import ReceivedBatch, from_micros, to_micros


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment that the log holds: where its file and its leaf are."""

    segment_id: str
    first_index: int
    next_index: int
    file: str
    file_hash: bytes
    leaf_index: int
    last_receive_time: datetime
    purge_id: str | None = None


@dataclass(frozen=True, slots=True)
class SealedState:
    """How far sealing has come.

    Attributes:
        next_index: Index after the last sealed chat record.
        next_sequences: By producer, the sequence after the last sealed one.
        last_receive_time: When the last sealed record was received, microseconds since 1970.
    """

    next_index: int
    next_sequences: dict[str, int]
    last_receive_time: int


def add(session: Session, leaf: SegmentLeaf, *, file: str, leaf_index: int) -> None:
    """Enters a segment."""
    session.add(
        SegmentRow(
            segment_id=str(leaf.segment_id),
            record_class=leaf.record_class.name,
            first_index=leaf.first_index,
            next_index=leaf.first_index + leaf.count,
            records=leaf.count,
            first_receive_time=from_micros(leaf.first_receive_time),
            last_receive_time=from_micros(leaf.last_receive_time),
            file=file,
            file_hash=leaf.file_hash,
            leaf_index=leaf_index,
        )
    )
    session.flush()


def add_producers(session: Session, segment_id: str, batches: Iterable[ReceivedBatch]) -> None:
    """Enters whose chat records a segment holds. A producer's records in one segment have no gap."""
    spans: dict[str, tuple[int, int]] = {}
    for received in batches:
        batch = received.batch
        first, _ = spans.get(batch.producer, (batch.first_sequence, 0))
        spans[batch.producer] = (first, batch.next_sequence)
    for producer, (first, following) in spans.items():
        session.add(
            SegmentProducer(producer=producer, first_sequence=first, next_sequence=following, segment_id=segment_id)
        )
        session.merge(ProducerHead(producer=producer, next_sequence=following))


def next_index(session: Session, record_class: RecordClass) -> int:
    """The index after the last sealed record of a class."""
    last = newest(session, record_class)
    return last.next_index if last else 0


def newest(session: Session, record_class: RecordClass) -> Sealed | None:
    """The last sealed segment of a class."""
    query = select(SegmentRow).where(SegmentRow.record_class == record_class.name)
    return _sealed(session.exec(query.order_by(desc(col(SegmentRow.first_index))).limit(1)).first())


def holding(session: Session, record_class: RecordClass, index: int) -> Sealed | None:
    """The segment that holds the record of a class with an index; None if it is not sealed."""
    query = (
        select(SegmentRow)
        .where(SegmentRow.record_class == record_class.name, col(SegmentRow.first_index) <= index)
        .order_by(desc(col(SegmentRow.first_index)))
        .limit(1)
    )
    found = _sealed(session.exec(query).first())
    return found if found and index < found.next_index else None


def of_producer(session: Session, producer: str, sequence: int) -> Sealed | None:
    """The segment that holds a chat producer's sequence; None if it is not sealed."""
    query = (
        select(SegmentProducer)
        .where(SegmentProducer.producer == producer, col(SegmentProducer.first_sequence) <= sequence)
        .order_by(desc(col(SegmentProducer.first_sequence)))
        .limit(1)
    )
    span = session.exec(query).first()
    if span is None or sequence >= span.next_sequence:
        return None
    return _sealed(session.get(SegmentRow, span.segment_id))


def received_between(session: Session, start: datetime, end: datetime, *, after: int, limit: int) -> list[Sealed]:
    """The chat segments, purged ones left out, with records received from `start` up to `end`, from `after` on."""
    query = (
        select(SegmentRow)
        .where(
            SegmentRow.record_class == RecordClass.CHAT.name,
            col(SegmentRow.purge_id).is_(None),
            col(SegmentRow.first_index) >= after,
            col(SegmentRow.last_receive_time) >= start,
            col(SegmentRow.first_receive_time) < end,
        )
        .order_by(col(SegmentRow.first_index))
        .limit(limit)
    )
    return [found for row in session.exec(query) if (found := _sealed(row))]


def of_day(session: Session, record_class: str, start: datetime, end: datetime) -> list[Sealed]:
    """The segments of a class whose first record was received from `start` up to `end`, and which no purge took."""
    query = (
        select(SegmentRow)
        .where(
            SegmentRow.record_class == record_class,
            col(SegmentRow.purge_id).is_(None),
            col(SegmentRow.first_receive_time) >= start,
            col(SegmentRow.first_receive_time) < end,
        )
        .order_by(col(SegmentRow.first_index))
    )
    return [found for row in session.exec(query) if (found := _sealed(row))]


def purges_between(session: Session, start: datetime, end: datetime) -> list[tuple[date, str, int]]:
    """By day, the purges that took chat segments with records received from `start` up to `end`, and how many."""
    query = select(SegmentRow.first_receive_time, SegmentRow.purge_id, SegmentRow.records).where(
        SegmentRow.record_class == RecordClass.CHAT.name,
        col(SegmentRow.purge_id).is_not(None),
        col(SegmentRow.last_receive_time) >= start,
        col(SegmentRow.first_receive_time) < end,
    )
    taken: Counter[tuple[date, str]] = Counter()
    for first, purge_id, records in session.exec(query):
        taken[first.date(), purge_id or ""] += records
    return [(*purge, records) for purge, records in sorted(taken.items())]


def sealed_state(session: Session) -> SealedState:
    """What is sealed of the chat records."""
    last = newest(session, RecordClass.CHAT)
    return SealedState(
        next_index=last.next_index if last else 0,
        next_sequences={row.producer: row.next_sequence for row in session.exec(select(ProducerHead))},
        last_receive_time=to_micros(last.last_receive_time) if last else 0,
    )


def _sealed(row: SegmentRow | None) -> Sealed | None:
    if row is None:
        return None
    return Sealed(
        segment_id=row.segment_id,
        first_index=row.first_index,
        next_index=row.next_index,
        file=row.file,
        file_hash=row.file_hash,
        leaf_index=row.leaf_index,
        last_receive_time=row.last_receive_time,
        purge_id=row.purge_id,
    )
