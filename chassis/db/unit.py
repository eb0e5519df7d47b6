"""The unit of work: what a command is handed inside its transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlmodel import Session

from chassis.call import Call, Trace
from chassis.ids import new_id
from ombud.common.v1.audit_pb2 import AuditOutcome, AuditRecord
from ombud.common.v1.types_pb2 import Subject


@dataclass
class Unit:
    """One command's share of a transaction.

    Attributes:
        session: The database, inside a savepoint of the command's own.
        now: The instant of the command; the same for all that it does.
        call: The call that the command serves, or a job's stand-in for one.
    """

    session: Session
    now: datetime
    call: Call
    service: str
    changes: list[tuple[str, bytes, str]] = field(default_factory=list)
    audits: list[AuditRecord] = field(default_factory=list)

    def change(self, key: str, message: Message) -> None:
        """Adds an entry to the service's change feed.

        Args:
            key: What changed, such as an account id; at most 128 characters.
            message: The feed's payload message, whole: a consumer needs no earlier entry of that key.
        """
        self.changes.append((key, message.SerializeToString(), self.call.trace.parent))

    def under(self, trace: Trace) -> "Unit":
        """The same unit, for what belongs to another trace than the call's own."""
        return replace(self, call=replace(self.call, trace=trace))

    def audit(
        self,
        action: str,
        *,
        subject: Subject | None = None,
        resource_id: str = "",
        facts: Mapping[str, str | int] | None = None,
        outcome: AuditOutcome.ValueType = AuditOutcome.AUDIT_OUTCOME_DONE,
    ) -> None:
        """Adds an audit record; it commits with the act, or not at all.

        Args:
            action: `<service>.<noun>.<past participle>`.
            subject: Whom or what the act concerns.
            resource_id: Id of the resource that changed.
            facts: Deciding facts; ids, numbers, enum names, hashes. Never personal data.
            outcome: What became of the attempt.
        """
        person = self.call.caller.person
        time = Timestamp()
        time.FromDatetime(self.now)
        self.audits.append(
            AuditRecord(
                audit_id=new_id(),
                service=self.service,
                time=time,
                action=action,
                outcome=outcome,
                workload=self.call.caller.workload,
                person=person.staff_id if person else "",
                method=self.call.method,
                request_id=self.call.request_id,
                subject=subject,
                resource_id=resource_id,
                trace_id=self.call.trace.trace_id,
                span_id=self.call.trace.span_id,
                facts={name: str(value) for name, value in (facts or {}).items()},
            )
        )
