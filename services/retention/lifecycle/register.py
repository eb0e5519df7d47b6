"""What the register says of the lifecycle, written in the transaction of the act."""

from chassis.db import Unit
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.retention.v1 import lifecycle_service_pb2 as pb
from services.retention.lifecycle.domain import Terms, TermsKind
from services.retention.lifecycle.wire import terms_kind_number, terms_message
from services.retention.register import store as register


def registered_terms(unit: Unit, terms: Terms, kind: TermsKind) -> pb.RetentionTerms:
    """Writes an event to the register and to the audit trail; returns the terms as they stand after it."""
    message = terms_message(terms)
    person = unit.call.caller.person
    event = pb.TermsEvent(
        event_id=new_id(),
        kind=terms_kind_number(kind),
        time=timestamp(unit.now),
        staff_id=person.staff_id if person else "",
        terms=message,
    )
    register.register(
        unit.session,
        register.Noun.CLASS,
        terms.terms_id,
        event_id=event.event_id,
        kind=event.kind,
        time=unit.now,
        statement=event.SerializeToString(deterministic=True),
    )
    unit.audit(
        f"retention.terms.{kind.name.lower()}",
        resource_id=terms.terms_id,
        facts={
            "event_id": event.event_id,
            "class": terms.name.value,
            "floor_days": terms.floor_days,
            "ceiling_days": terms.ceiling_days,
        },
    )
    return message
