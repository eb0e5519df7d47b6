"""What the audit trail takes and from whom."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from chassis.refusal import ErrorReason, Refusal


@dataclass(frozen=True, slots=True)
class Entry:
    """An audit record on its way into the trail.

    Attributes:
        audit_id: Its id.
        sequence: Its number among the records of its service.
        trace_id: The trace it belongs to; empty if none.
        subject: `account:<id>` or `group:<id>`; empty if neither is concerned.
        event_time: When the act took effect.
        body: The record, serialised deterministically.
    """

    audit_id: str
    sequence: int
    trace_id: str
    subject: str
    event_time: datetime
    body: bytes

    @property
    def digest(self) -> bytes:
        """By which the record is told from another one under its id."""
        return sha256(self.body).digest()


def check_writer(service: str, workload: str) -> None:
    """Returns if the record's service is the one that hands it over.

    Raises:
        Refusal: AUDIT_SERVICE_MISMATCH.
    """
    if service != workload:
        raise Refusal(
            ErrorReason.ERROR_REASON_AUDIT_SERVICE_MISMATCH,
            "a service hands over its own audit records alone",
            satisfy="records whose service is the calling workload",
            service=service,
            workload=workload,
        )


def check_same(entry: Entry, digest: bytes) -> None:
    """Returns if a record that comes again is the one that was kept.

    Raises:
        Refusal: AUDIT_RECORD_ALTERED.
    """
    if entry.digest != digest:
        raise Refusal(
            ErrorReason.ERROR_REASON_AUDIT_RECORD_ALTERED,
            "the audit_id was kept with other content",
            satisfy="the same record again, or a new audit_id",
            audit_id=entry.audit_id,
        )


def check_follows(entry: Entry, service: str, newest: int) -> None:
    """Returns if a new record comes after all that its service has handed over in the same epoch.

    Raises:
        Refusal: AUDIT_SEQUENCE_TAKEN.
    """
    if entry.sequence <= newest:
        raise Refusal(
            ErrorReason.ERROR_REASON_AUDIT_SEQUENCE_TAKEN,
            "the service's database went back, and its feed has the epoch from before",
            satisfy="the service stopped, and `ombud migrate --restored` for its database",
            service=service,
            sequence=entry.sequence,
            newest=newest,
        )
