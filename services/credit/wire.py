"""Values that several servicers translate between messages and the domain."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import ServicerContext

from chassis import instants
from chassis.refusal import Refusal
from ombud.common.v1 import types_pb2
from ombud.credit.v1 import types_pb2 as credit_pb2
from services.credit.sanctions.domain import Evidence
from services.credit.subjects import Subject, SubjectKind

Context = ServicerContext[Any, Any]
E = TypeVar("E", bound=StrEnum)


class ContractEnum(Protocol):
    """A generated enum; its names are the domain's names behind a prefix."""

    def Name(self, number: Any) -> str:  # noqa: ANN401 - each generated enum has a number type of its own
        """The name of a number."""
        ...

    def __hash__(self) -> int: ...

    def Value(self, name: str) -> Any:  # noqa: ANN401 - as above
        """The number of a name."""
        ...


def timestamp(at: datetime | None) -> Timestamp | None:
    """The message of an instant; None stays absent."""
    return None if at is None else instants.timestamp(at)


def instant(message: Message, field: str) -> datetime | None:
    """The instant in a field of a message; None if the field is absent.

    Raises:
        Refusal: INVALID_FIELD, if it is no instant of the years 1 to 9999.
    """
    if not message.HasField(field):
        return None
    try:
        at: datetime = getattr(message, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise Refusal.field(field, "not an instant", satisfy="an instant of the years 1 to 9999") from None
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


@cache
def number(wrapper: ContractEnum, value: StrEnum | None) -> Any:  # noqa: ANN401 - the enum's own value type
    """The number of the domain's value in the contract's enum; None is its UNSPECIFIED."""
    return 0 if value is None else wrapper.Value(_prefix(wrapper) + value)


def value_of(wrapper: ContractEnum, kind: type[E], enum_number: int) -> E:
    """The domain's value of a number in the contract's enum, which is defined and not UNSPECIFIED."""
    return kind(wrapper.Name(enum_number).removeprefix(_prefix(wrapper)))


def evidence(messages: Iterable[credit_pb2.Evidence]) -> tuple[Evidence, ...]:
    """The evidence that messages refer to."""
    return tuple(
        Evidence(message.sha256, observed) for message in messages if (observed := instant(message, "observe_time"))
    )


def evidence_messages(items: Iterable[Evidence]) -> list[credit_pb2.Evidence]:
    """The messages that refer to evidence."""
    return [credit_pb2.Evidence(sha256=item.sha256, observe_time=timestamp(item.observed_at)) for item in items]


@cache
def _prefix(wrapper: ContractEnum) -> str:
    return wrapper.Name(0).removesuffix("UNSPECIFIED")
