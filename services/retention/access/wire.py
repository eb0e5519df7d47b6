"""Access between messages and rules."""

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration

from chassis.instants import timestamp
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1 import access_service_pb2 as pb
from services.retention.access.domain import Access, EventKind, Scope


def scope_of(message: pb.AccessScope) -> Scope:
    """A scope from a message that kept the contract's rules."""
    return Scope(
        group_ids=tuple(group_id.lower() for group_id in message.group_ids),
        start=message.interval.start_time.ToDatetime(tzinfo=UTC),
        end=message.interval.end_time.ToDatetime(tzinfo=UTC),
    )


def scope_message(scope: Scope) -> pb.AccessScope:
    """A scope as a message."""
    interval = Interval(start_time=timestamp(scope.start), end_time=timestamp(scope.end))
    return pb.AccessScope(group_ids=scope.group_ids, interval=interval)


def access_message(access: Access, at: datetime) -> pb.Access:
    """An access as it stands at an instant."""
    window = Duration()
    window.FromTimedelta(access.window)
    return pb.Access(
        access_id=access.access_id,
        case_id=access.case_id,
        legal_basis=access.legal_basis,
        purpose=access.purpose,
        scope=scope_message(access.scope),
        window=window,
        most_reads=access.most_reads,
        reads=access.reads,
        state=pb.AccessState.Value(f"ACCESS_STATE_{access.state(at).name}"),
        requester=access.requester,
        request_time=timestamp(access.request_time),
        approver=access.approver or "",
        approve_time=timestamp(access.approve_time) if access.approve_time else None,
        expire_time=timestamp(access.expire_time) if access.expire_time else None,
    )


def event_number(kind: EventKind) -> pb.AccessEventKind.ValueType:
    """The contract's number of a kind of event."""
    return pb.AccessEventKind.Value(f"ACCESS_EVENT_KIND_{kind.name}")
