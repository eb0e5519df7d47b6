"""What the register says of an access, written in the transaction of the act."""

from chassis.db import Unit
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.common.v1.types_pb2 import Subject
from ombud.retention.v1 import access_service_pb2 as pb
from services.retention.access.domain import Access, EventKind, Scope
from services.retention.access.wire import access_message, event_number, scope_message
from services.retention.register import store as register


def registered(unit: Unit, access: Access, kind: EventKind, read_scope: Scope | None = None) -> pb.Access:
    """Writes an event to the register and to the audit trail; returns the access as it stands after it."""
    message = access_message(access, unit.now)
    person = unit.call.caller.person
    event = pb.AccessEvent(
        event_id=new_id(),
        kind=event_number(kind),
        time=timestamp(unit.now),
        staff_id=person.staff_id if person else "",
        access=message,
        read_scope=scope_message(read_scope) if read_scope else None,
    )
    register.register(
        unit.session,
        register.Noun.ACCESS,
        access.access_id,
        event_id=event.event_id,
        kind=event.kind,
        time=unit.now,
        statement=event.SerializeToString(deterministic=True),
    )
    group_ids = (read_scope or access.scope).group_ids
    unit.audit(
        f"retention.access.{kind.name.lower()}",
        subject=Subject(group_id=group_ids[0]) if len(group_ids) == 1 else None,
        resource_id=access.access_id,
        facts={"event_id": event.event_id, "groups": len(group_ids), "reads": access.reads},
    )
    return message
