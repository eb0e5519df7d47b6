"""AuditService."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from chassis.call import current_call
from chassis.db import Database, Unit
from chassis.pages import Page, Pages
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.retention.v1.audit_service_pb2 import (
    AppendAuditRecordsRequest,
    AppendAuditRecordsResponse,
    AuditEntry,
    GetAuditPositionRequest,
    GetAuditPositionResponse,
    QueryAuditRecordsRequest,
    QueryAuditRecordsResponse,
)
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceServicer
from ombud.retention.v1.record_pb2 import ProofState
from services.retention.audit import domain, store
from services.retention.audit.models import AuditIndex
from services.retention.audit.wire import entry_of, subject_key
from services.retention.files import SpaceFloor
from services.retention.log import store as leaves
from services.retention.log.leaves import RecordClass
from services.retention.log.ledger import Ledger
from services.retention.segments import store as catalogue
from services.retention.segments.archive import Archive, evidence_of
from services.retention.wire import Context


@dataclass(frozen=True, slots=True)
class _Found:
    """A record of the trail and, once it is sealed, the segment that holds it with the segment's leaf."""

    row: AuditIndex
    sealed: catalogue.Sealed | None
    leaf: bytes


class AuditServicer(AuditServiceServicer):
    """Takes audit records over and finds them again with their proofs."""

    def __init__(self, database: Database, archive: Archive, ledger: Ledger, space: SpaceFloor, pages: Pages) -> None:
        self._database = database
        self._archive = archive
        self._ledger = ledger
        self._space = space
        self._pages = pages

    async def AppendAuditRecords(
        self, request: AppendAuditRecordsRequest, _context: Context
    ) -> AppendAuditRecordsResponse:
        """Keeps what was not kept before."""
        workload = current_call().caller.workload
        for record in request.records:
            domain.check_writer(record.service, workload)
        if full := self._space.refusal():
            raise full
        entries = [entry_of(record) for record in request.records]

        def command(unit: Unit) -> AppendAuditRecordsResponse:
            fresh = _fresh(unit.session, entries)
            if fresh:
                if request.epoch:
                    _advance(unit.session, workload, request.epoch, fresh)
                store.add(unit.session, fresh, unit.now)
            return AppendAuditRecordsResponse(added_records=len(fresh))

        return await self._database.write(command)

    async def GetAuditPosition(self, request: GetAuditPositionRequest, _context: Context) -> GetAuditPositionResponse:
        """How far the caller has come."""
        service = current_call().caller.workload
        found = await self._database.read(lambda session: store.position(session, service, request.epoch))
        if found is None:
            return GetAuditPositionResponse()
        return GetAuditPositionResponse(sequence=found.sequence, audit_id=found.audit_id)

    async def QueryAuditRecords(
        self, request: QueryAuditRecordsRequest, _context: Context
    ) -> QueryAuditRecordsResponse:
        """One page of a trace or of a subject."""
        page = self._pages.open(request)
        found = await self._database.read(lambda session: _find(session, request, page))
        shown = found[: page.size]
        entries = await asyncio.to_thread(lambda: [self._entry(each) for each in shown])
        more = len(found) > len(shown)
        return QueryAuditRecordsResponse(
            entries=entries, next_page_token=self._pages.token(page, str(shown[-1].row.position)) if more else ""
        )

    def _entry(self, found: _Found) -> AuditEntry:
        if found.sealed is None:
            record = AuditRecord.FromString(found.row.body or b"")
            return AuditEntry(record=record, state=ProofState.PROOF_STATE_PENDING)
        segment = self._archive.load(found.sealed)
        kept = segment.all_records[found.row.position - segment.first_index]
        entry = AuditEntry(record=AuditRecord.FromString(kept.body), state=ProofState.PROOF_STATE_PENDING)
        if self._ledger.covers(found.sealed.leaf_index):
            evidence = evidence_of(segment, found.leaf, kept, with_body=True)
            entry.state = ProofState.PROOF_STATE_SEALED
            entry.proof = self._ledger.proof(evidence, found.sealed.leaf_index)
        return entry


def _fresh(session: Session, entries: Sequence[domain.Entry]) -> list[domain.Entry]:
    """Those that were not kept before, each once."""
    known = store.digests(session, [entry.audit_id for entry in entries])
    fresh: list[domain.Entry] = []
    for entry in entries:
        if (digest := known.get(entry.audit_id)) is not None:
            domain.check_same(entry, digest)
            continue
        known[entry.audit_id] = entry.digest
        fresh.append(entry)
    return fresh


def _advance(session: Session, service: str, epoch: str, fresh: Sequence[domain.Entry]) -> None:
    """Moves the service's position to the last of its new records, each of which comes after the one before."""
    known = store.position(session, service, epoch)
    newest = known.sequence if known else 0
    for entry in fresh:
        domain.check_follows(entry, service, newest)
        newest = entry.sequence
    store.advance(session, service, epoch, fresh[-1])


def _find(session: Session, request: QueryAuditRecordsRequest, page: Page) -> list[_Found]:
    after = int(page.after[0]) if page.after else -1
    if request.WhichOneof("filter") == "trace_id":
        rows = store.of_trace(session, request.trace_id, after=after, limit=page.size + 1)
    else:
        rows = store.of_subject(session, subject_key(request.subject), after=after, limit=page.size + 1)
    return [_locate(session, row) for row in rows]


def _locate(session: Session, row: AuditIndex) -> _Found:
    sealed = catalogue.holding(session, RecordClass.AUDIT, row.position)
    return _Found(row, sealed, leaves.entry(session, sealed.leaf_index) if sealed else b"")
