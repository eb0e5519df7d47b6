"""Exports: records with their proofs, and an honest word on what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from chassis.instants import timestamp
from chassis.refusal import ErrorReason, Refusal
from ombud.retention.v1 import access_service_pb2 as pb
from services.retention.access.domain import Scope
from services.retention.access.wire import scope_message
from services.retention.errors import DamagedError
from services.retention.log.ledger import Ledger
from services.retention.memberships.domain import History
from services.retention.segments.archive import Archive, evidence_of
from services.retention.segments.records import from_micros, to_micros
from services.retention.segments.segment import Record, Segment
from services.retention.segments.store import Sealed

_REPORTED = {
    ErrorReason.ERROR_REASON_KEYS_DESTROYED: pb.MissingReason.MISSING_REASON_KEYS_DESTROYED,
    ErrorReason.ERROR_REASON_SEGMENT_DAMAGED: pb.MissingReason.MISSING_REASON_UNREADABLE,
}


class Export:
    """Gathers what an export gives, and what it lacks.

    Args:
        archive: Reads segments.
        ledger: Proves them.
        scope: What is exported.
        access_id: The access that opens it.
    """

    def __init__(self, archive: Archive, ledger: Ledger, scope: Scope, access_id: str) -> None:
        self._archive = archive
        self._ledger = ledger
        self._scope = scope
        self._access_id = access_id
        self._records = 0
        self._out_of_scope = 0
        self._missing: list[pb.MissingRecords] = []

    def records(self, sealed: Sealed, entry: bytes) -> list[pb.ExportedRecord]:
        """The records of a segment that are in scope, by index, each with its proof; what can not be read is noted.

        Args:
            sealed: The segment.
            entry: Its leaf.

        Raises:
            Refusal: CUSTODIANS_REQUIRED.
        """
        try:
            segment = self._archive.load(sealed, access_id=self._access_id)
        except Refusal as refusal:
            self._miss(sealed, "", sealed.next_index - sealed.first_index, refusal)
            return []
        missing = 0
        found: list[tuple[int, pb.ExportedRecord]] = []
        for group_id in self._scope.group_ids:
            group = UUID(group_id).bytes
            try:
                found += self._of_group(segment, sealed, entry, group)
                continue
            except Refusal as refusal:
                self._miss(sealed, group_id, segment.count_of(group), refusal)
            except DamagedError:
                self._note(sealed, group_id, segment.count_of(group), pb.MissingReason.MISSING_REASON_UNREADABLE)
            missing += segment.count_of(group)
        self._records += len(found)
        self._out_of_scope += segment.count - len(found) - missing
        return [record for _, record in sorted(found, key=lambda each: each[0])]

    def statement(self, access: pb.Access, purged: Sequence[tuple[date, str, int]], at: datetime) -> pb.ExportStatement:
        """What the export is and what it lacks.

        Args:
            access: The access after the read.
            purged: By day, the purges that took segments of the interval, and how many records.
            at: The instant.
        """
        reason = pb.MissingReason.MISSING_REASON_PURGED
        gone = [
            pb.MissingRecords(reason=reason, day=day.isoformat(), purge_id=purge_id, records=records)
            for day, purge_id, records in purged
        ]
        return pb.ExportStatement(
            access=access,
            scope=scope_message(self._scope),
            records=self._records,
            out_of_scope_records=self._out_of_scope,
            missing=[*gone, *self._missing],
            time=timestamp(at),
            verifier_key=self._ledger.verifier_key,
        )

    def _of_group(
        self, segment: Segment, sealed: Sealed, entry: bytes, group: bytes
    ) -> list[tuple[int, pb.ExportedRecord]]:
        start, end = to_micros(self._scope.start), to_micros(self._scope.end)
        found: list[tuple[int, pb.ExportedRecord]] = []
        for record in segment.records([group]):
            if start <= record.receive_time < end:
                evidence = evidence_of(segment, entry, record, with_body=True)
                proof = self._ledger.proof(evidence, sealed.leaf_index)
                exported = pb.ExportedRecord(record=record_message(segment, record), proof=proof)
                found.append((record.ordinal, exported))
        return found

    def _miss(self, sealed: Sealed, group_id: str, records: int, refusal: Refusal) -> None:
        if (reason := _REPORTED.get(refusal.reason)) is None:
            raise refusal
        self._note(sealed, group_id, records, reason)

    def _note(self, sealed: Sealed, group_id: str, records: int, reason: pb.MissingReason.ValueType) -> None:
        missing = pb.MissingRecords(
            reason=reason,
            day=sealed.last_receive_time.date().isoformat(),
            group_id=group_id,
            segment_id=sealed.segment_id,
            records=records,
        )
        self._missing.append(missing)


def memberships_within(scope: Scope, histories: Mapping[str, History]) -> Iterator[pb.Membership]:
    """Who was a member of the groups of a scope at some time of its interval."""
    for group_id, history in histories.items():
        for each in history.memberships:
            if each.overlaps(scope.start, scope.end):
                yield pb.Membership(
                    group_id=group_id,
                    account_id=each.account_id,
                    join_time=timestamp(each.join_time) if each.join_time else None,
                    leave_time=timestamp(each.leave_time) if each.leave_time else None,
                )


def record_message(segment: Segment, record: Record) -> pb.RetainedRecord:
    """A record as a message."""
    return pb.RetainedRecord(
        group_id=str(UUID(bytes=record.group)),
        producer=record.producer,
        sequence=record.sequence,
        index=segment.first_index + record.ordinal,
        receive_time=timestamp(from_micros(record.receive_time)),
        event_time=timestamp(from_micros(record.event_time)),
        body=record.body,
    )
