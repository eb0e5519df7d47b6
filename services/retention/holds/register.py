"""What the register says of a hold, written in the transaction of the act."""

from chassis.db import Unit
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.common.v1.types_pb2 import Subject
from ombud.retention.v1 import hold_service_pb2 as pb
from services.retention.holds.domain import EventKind, Hold
from services.retention.holds.wire import event_number, hold_message
from services.retention.register import store as register


def registered(unit: Unit, hold: Hold, kind: EventKind) -> pb.Hold:
    """Writes an event to the register and to the audit trail; returns the hold as it stands after it."""
    message = hold_message(hold, unit.now)
    person = unit.call.caller.person
    event = pb.HoldEvent(
        event_id=new_id(),
        kind=event_number(kind),
        time=timestamp(unit.now),
        staff_id=person.staff_id if person else "",
        hold=message,
    )
    register.register(
        unit.session,
        register.Noun.HOLD,
        hold.hold_id,
        event_id=event.event_id,
        kind=event.kind,
        time=unit.now,
        statement=event.SerializeToString(deterministic=True),
    )
    group_ids = hold.scope.group_ids
    unit.audit(
        f"retention.hold.{kind.name.lower()}",
        subject=Subject(group_id=group_ids[0]) if len(group_ids) == 1 else None,
        resource_id=hold.hold_id,
        facts={"event_id": event.event_id, "groups": len(group_ids)},
    )
    return message
