"""Values that several servicers translate between messages and the domain."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import ServicerContext

from chassis import instants
from ombud.common.v1 import types_pb2
from ombud.credit.v1 import types_pb2 as credit_pb2
from services.credit.sanctions.domain import Evidence
from services.credit.subjects import Subject, SubjectKind

Context = ServicerContext[Any, Any]


def timestamp(at: datetime | None) -> Timestamp | None:
    """The message of an instant; None stays absent."""
    return None if at is None else instants.timestamp(at)


def instant(message: Message, field: str) -> datetime | None:
    """The instant in a field of a message; None if the field is absent."""
    if not message.HasField(field):
        return None
    at: datetime = getattr(message, field).ToDatetime(UTC)
    return at


def subject(message: types_pb2.Subject) -> Subject:
    """The subject that a message names."""
    if message.WhichOneof("subject") == "group_id":
        return Subject(SubjectKind.GROUP, message.group_id)
    return Subject(SubjectKind.ACCOUNT, message.account_id)


def subject_message(value: Subject) -> types_pb2.Subject:
    """The message that names a subject."""
    if value.kind is SubjectKind.GROUP:
        return types_pb2.Subject(group_id=value.id)
    return types_pb2.Subject(account_id=value.id)


def evidence(messages: Iterable[credit_pb2.Evidence]) -> tuple[Evidence, ...]:
    """The evidence that messages refer to."""
    return tuple(
        Evidence(message.sha256, observed) for message in messages if (observed := instant(message, "observe_time"))
    )


def evidence_messages(items: Iterable[Evidence]) -> list[credit_pb2.Evidence]:
    """The messages that refer to evidence."""
    return [credit_pb2.Evidence(sha256=item.sha256, observe_time=timestamp(item.observed_at)) for item in items]
