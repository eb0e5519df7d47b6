"""The lifecycle between messages and rules."""

from chassis.instants import timestamp
from ombud.retention.v1 import lifecycle_service_pb2 as pb
from services.retention.lifecycle.domain import ClassName, Terms, TermsKind


def class_number(name: ClassName) -> pb.RetentionClassName.ValueType:
    """The contract's number of a class."""
    return pb.RetentionClassName.Value(f"RETENTION_CLASS_NAME_{name.name}")


def class_of(number: pb.RetentionClassName.ValueType) -> ClassName:
    """A class from a number that kept the contract's rules."""
    return ClassName(pb.RetentionClassName.Name(number).removeprefix("RETENTION_CLASS_NAME_"))


def terms_kind_number(kind: TermsKind) -> pb.TermsEventKind.ValueType:
    """The contract's number of a kind of event."""
    return pb.TermsEventKind.Value(f"TERMS_EVENT_KIND_{kind.name}")


def terms_message(terms: Terms) -> pb.RetentionTerms:
    """Terms as a message."""
    return pb.RetentionTerms(
        terms_id=terms.terms_id,
        name=class_number(terms.name),
        floor_days=terms.floor_days,
        ceiling_days=terms.ceiling_days,
        effective_time=timestamp(terms.effective_time) if terms.effective_time else None,
        proposer=terms.proposer or "",
        approver=terms.approver or "",
        propose_time=timestamp(terms.propose_time),
        approve_time=timestamp(terms.approve_time) if terms.approve_time else None,
    )
