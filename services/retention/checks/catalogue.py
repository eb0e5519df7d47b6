"""The catalogue in the database: it says what the leaves and the segments say, and can be made again from them."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.verify import SegmentLeaf
from services.retention.audit.models import AuditIndex
from services.retention.audit.wire import entry_of
from services.retention.checks.findings import Finding
from services.retention.log.leaves import RecordClass
from services.retention.segments.models import ProducerHead, SegmentProducer, SegmentRow
from services.retention.segments.records import from_micros
from services.retention.segments.segment import Record, Segment


class Catalogue:
    """Compares the catalogue with one segment after the other.

    Args:
        session: The database.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = {row.segment_id: row for row in session.exec(select(SegmentRow))}
        spans = session.exec(select(SegmentProducer))
        self._spans = {(row.producer, row.first_sequence): _fields(row) for row in spans}
        self._heads = {row.producer: row.next_sequence for row in session.exec(select(ProducerHead))}
        self._following: dict[str, int] = {}

    def leaf(self, index: int, leaf: SegmentLeaf, name: str) -> Iterator[Finding]:
        """What is not as a leaf says of its segment, whose file has a name."""
        expected = _row(index, leaf, name)
        row = self._rows.get(expected.segment_id)
        expected.purge_id = row.purge_id if row else None
        if row is None or _fields(row) != _fields(expected):
            what = f"not what leaf {index} says of segment {expected.segment_id}"
            yield Finding("database: segment", what, index, partial(self._enter, [expected]))

    def producers(self, index: int, segment: Segment) -> Iterator[Finding]:
        """What is not as a chat segment says of its producers."""
        for row in _spans(segment):
            self._following[row.producer] = max(self._following.get(row.producer, 0), row.next_sequence)
            if self._spans.get((row.producer, row.first_sequence)) != _fields(row):
                what = f"not what segment {row.segment_id} says"
                yield Finding("database: segment_producer", what, index, partial(self._enter, [row]))

    def trail(self, segment: Segment) -> Iterator[Finding]:
        """What is not as an audit segment, whose records can be read, says of them."""
        last = segment.first_index + segment.count
        query = select(AuditIndex).where(
            col(AuditIndex.position) >= segment.first_index, col(AuditIndex.position) < last
        )
        known = {row.position: _fields(row) for row in self._session.exec(query)}
        rows = (_index_row(segment.first_index, record) for record in segment.records())
        if wrong := [row for row in rows if known.get(row.position) != _fields(row)]:
            what = f"not what segment {segment.segment_id} says"
            yield Finding("database: audit_index", what, wrong[0].position, partial(self._enter, wrong))

    def heads(self) -> Iterator[Finding]:
        """Which producers have more in the segments that were compared than the catalogue knows."""
        for producer, sequence in self._following.items():
            if self._heads.get(producer, 0) < sequence:
                head = ProducerHead(producer=producer, next_sequence=sequence)
                what = "behind what the segments hold"
                yield Finding("database: producer_head", what, mend=partial(self._enter, [head]))

    def _enter(self, rows: Sequence[SQLModel]) -> None:
        for row in rows:
            self._session.merge(row)


def _row(index: int, leaf: SegmentLeaf, name: str) -> SegmentRow:
    return SegmentRow(
        segment_id=str(leaf.segment_id),
        record_class=RecordClass(leaf.record_class).name,
        first_index=leaf.first_index,
        next_index=leaf.first_index + leaf.records,
        records=leaf.records,
        first_receive_time=from_micros(leaf.first_receive_time),
        last_receive_time=from_micros(leaf.last_receive_time),
        file=name,
        file_hash=leaf.file_hash,
        leaf_index=index,
    )


def _spans(segment: Segment) -> list[SegmentProducer]:
    """Which sequences of each chat producer a segment holds."""
    if segment.record_class is not RecordClass.CHAT:
        return []
    spans: dict[str, tuple[int, int]] = {}
    for run in segment.runs:
        first, _ = spans.get(run.producer, (run.first_sequence, 0))
        spans[run.producer] = (first, run.first_sequence + run.length)
    segment_id = str(segment.segment_id)
    return [
        SegmentProducer(producer=producer, first_sequence=first, next_sequence=following, segment_id=segment_id)
        for producer, (first, following) in spans.items()
    ]


def _index_row(first_position: int, record: Record) -> AuditIndex:
    entry = entry_of(AuditRecord.FromString(record.body))
    return AuditIndex(
        position=first_position + record.ordinal,
        audit_id=entry.audit_id,
        trace_id=entry.trace_id,
        subject=entry.subject,
        event_time=entry.event_time,
        receive_time=from_micros(record.receive_time),
        digest=entry.digest,
    )


def _fields(row: Any) -> dict[str, object]:  # noqa: ANN401 - a row of any of the tables
    return {name: getattr(row, name) for name in type(row).model_fields}
