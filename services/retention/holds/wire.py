"""Holds between messages and rules."""

from datetime import datetime

from chassis.instants import timestamp
from ombud.retention.v1 import hold_service_pb2 as pb
from services.retention.access.wire import scope_message
from services.retention.holds.domain import EventKind, Hold


def hold_message(hold: Hold, at: datetime) -> pb.Hold:
    """A hold as it stands at an instant."""
    return pb.Hold(
        hold_id=hold.hold_id,
        case_id=hold.case_id,
        legal_basis=hold.legal_basis,
        scope=scope_message(hold.scope),
        participant_account_id=hold.participant or "",
        review_time=timestamp(hold.review_time),
        state=pb.HoldState.Value(f"HOLD_STATE_{hold.state(at).name}"),
        pending=pb.HoldProposal.Value(f"HOLD_PROPOSAL_{hold.pending.name if hold.pending else 'UNSPECIFIED'}"),
        proposer=hold.proposer,
        approver=hold.approver or "",
        place_time=timestamp(hold.place_time),
        pending_review_time=timestamp(hold.pending_review_time) if hold.pending_review_time else None,
        release_time=timestamp(hold.release_time) if hold.release_time else None,
    )


def event_number(kind: EventKind) -> pb.HoldEventKind.ValueType:
    """The contract's number of a kind of event."""
    return pb.HoldEventKind.Value(f"HOLD_EVENT_KIND_{kind.name}")
