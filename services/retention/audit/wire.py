"""From the contract's audit records to the trail's."""

from datetime import UTC

from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.common.v1.types_pb2 import Subject
from services.retention.audit.domain import Entry


def entry_of(record: AuditRecord) -> Entry:
    """An audit record on its way into the trail."""
    return Entry(
        audit_id=record.audit_id,
        sequence=record.sequence,
        trace_id=record.trace_id,
        subject=subject_key(record.subject),
        event_time=record.time.ToDatetime(tzinfo=UTC),
        body=record.SerializeToString(deterministic=True),
    )


def subject_key(subject: Subject) -> str:
    """`account:<id>` or `group:<id>`; empty if it is neither."""
    kind = subject.WhichOneof("subject")
    if kind is None:
        return ""
    return f"{kind.removesuffix('_id')}:{getattr(subject, kind).lower()}"
