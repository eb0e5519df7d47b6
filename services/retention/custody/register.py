"""What the register says of custody, written in the transaction of the act."""

from datetime import date

from chassis.db import Unit
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.retention.v1 import custody_service_pb2 as pb
from services.retention.custody.domain import Custodianship, EventKind
from services.retention.register import store as register


def custodian_message(custodian: Custodianship) -> pb.Custodian:
    """A custodian as a message."""
    return pb.Custodian(
        custodian_id=custodian.custodian_id,
        slot=custodian.slot,
        staff_id=custodian.staff_id,
        public_key=custodian.public_key,
        state=pb.CustodianState.Value(f"CUSTODIAN_STATE_{custodian.state.name}"),
        proposer=custodian.proposer,
        propose_time=timestamp(custodian.propose_time),
        approver=custodian.approver or "",
        approve_time=timestamp(custodian.approve_time) if custodian.approve_time else None,
    )


def registered(
    unit: Unit,
    kind: EventKind,
    *,
    custodian: Custodianship | None = None,
    pending_id: str = "",
    day: date | None = None,
) -> None:
    """Writes an event to the register and to the audit trail."""
    person = unit.call.caller.person
    event = pb.CustodyEvent(
        event_id=new_id(),
        kind=pb.CustodyEventKind.Value(f"CUSTODY_EVENT_KIND_{kind.name}"),
        time=timestamp(unit.now),
        staff_id=person.staff_id if person else "",
        custodian=custodian_message(custodian) if custodian else None,
        pending_id=pending_id,
        day=day.isoformat() if day else "",
    )
    resource_id = pending_id or event.day or event.custodian.custodian_id
    register.register(
        unit.session,
        register.Noun.CUSTODY,
        resource_id,
        event_id=event.event_id,
        kind=event.kind,
        time=unit.now,
        statement=event.SerializeToString(deterministic=True),
    )
    facts: dict[str, str | int] = {"event_id": event.event_id}
    if custodian is not None:
        facts["slot"] = custodian.slot
    unit.audit(f"retention.custody.{kind.name.lower()}", resource_id=resource_id, facts=facts)
