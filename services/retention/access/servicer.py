"""AccessService."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from chassis.refusal import ErrorReason, Refusal
from ombud.retention.v1 import access_service_pb2 as pb
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceServicer
from ombud.retention.v1.record_pb2 import ProofState
from policies.schedule import Schedule
from services.retention.access import domain, store
from services.retention.access.domain import Access, EventKind, Scope
from services.retention.access.export import Export, memberships_within, record_message
from services.retention.access.register import registered
from services.retention.access.wire import access_message, scope_of
from services.retention.log import store as leaves
from services.retention.log.jobs import Sealer
from services.retention.log.ledger import Ledger
from services.retention.memberships.trail import Memberships
from services.retention.register import store as register
from services.retention.register.jobs import proof_of
from services.retention.segments import store as catalogue
from services.retention.segments.archive import Archive
from services.retention.segments.records import to_micros
from services.retention.segments.segment import Record, Segment
from services.retention.segments.store import Sealed
from services.retention.wire import Context

_RECORDS_AT_ONCE = 500
_BYTES_AT_ONCE = 1 << 20
_SEGMENTS_AT_ONCE = 200


class AccessServicer(AccessServiceServicer):
    """Opens retained records to two persons, and registers what they do."""

    def __init__(
        self,
        database: Database,
        archive: Archive,
        ledger: Ledger,
        *,
        memberships: Memberships,
        sealer: Sealer,
        schedule: Schedule,
        pages: Pages,
        clock: Clock,
    ) -> None:
        self._database = database
        self._archive = archive
        self._ledger = ledger
        self._memberships = memberships
        self._sealer = sealer
        self._schedule = schedule
        self._pages = pages
        self._clock = clock

    async def RequestAccess(self, request: pb.RequestAccessRequest, _context: Context) -> pb.RequestAccessResponse:
        """Puts a request on file."""

        def command(unit: Unit) -> pb.RequestAccessResponse:
            window = timedelta(seconds=request.window.seconds)
            domain.check_window(window, most_hours=self._schedule.at(unit.now).retention.access.window_hours_most)
            access = Access(
                access_id=new_id(),
                case_id=request.case_id,
                legal_basis=request.legal_basis,
                purpose=request.purpose,
                scope=scope_of(request.scope),
                window=window,
                most_reads=request.most_reads,
                requester=unit.call.person.staff_id,
                request_time=unit.now,
            )
            store.add(unit.session, access)
            return pb.RequestAccessResponse(access=registered(unit, access, EventKind.REQUESTED))

        return await self._database.write(command)

    async def ApproveAccess(self, request: pb.ApproveAccessRequest, _context: Context) -> pb.ApproveAccessResponse:
        """Opens the window."""

        def command(unit: Unit) -> pb.ApproveAccessResponse:
            asked = store.get(unit.session, request.access_id)
            access = domain.approve(asked, unit.call.person.staff_id, unit.now)
            store.save(unit.session, access)
            return pb.ApproveAccessResponse(access=registered(unit, access, EventKind.APPROVED))

        return await self._database.write(command)

    async def CloseAccess(self, request: pb.CloseAccessRequest, _context: Context) -> pb.CloseAccessResponse:
        """Ends the access."""

        def command(unit: Unit) -> pb.CloseAccessResponse:
            access = domain.close(store.get(unit.session, request.access_id), unit.now)
            store.save(unit.session, access)
            return pb.CloseAccessResponse(access=registered(unit, access, EventKind.CLOSED))

        return await self._database.write(command)

    async def GetAccess(self, request: pb.GetAccessRequest, _context: Context) -> pb.GetAccessResponse:
        """Shows an access."""
        access = await self._database.read(lambda session: store.get(session, request.access_id))
        return pb.GetAccessResponse(access=access_message(access, self._clock.now()))

    async def ReadRecords(
        self, request: pb.ReadRecordsRequest, _context: Context
    ) -> AsyncIterator[pb.ReadRecordsResponse]:
        """Registers the read, then streams what the log holds of the scope."""
        scope = scope_of(request.scope)
        access = await self._begin(request.access_id, scope)
        async for sealed in self._segments(scope):
            await self._check_goes_on(access.access_id)
            for records in _portions(await asyncio.to_thread(self._read, sealed, scope, access.access_id)):
                yield pb.ReadRecordsResponse(records=records)

    async def ExportRecords(
        self, request: pb.ExportRecordsRequest, _context: Context
    ) -> AsyncIterator[pb.ExportRecordsResponse]:
        """Registers the read, then streams records with their proofs, and what is missing."""
        scope = scope_of(request.scope)
        access = await self._begin(request.access_id, scope)
        export = Export(self._archive, self._ledger, scope, access.access_id)
        async for sealed in self._segments(scope):
            await self._check_goes_on(access.access_id)
            entry = await self._database.read(partial(leaves.entry, leaf_index=sealed.leaf_index))
            for record in await asyncio.to_thread(export.records, sealed, entry):
                yield pb.ExportRecordsResponse(record=record)
        histories = await self._memberships.of_groups(scope.group_ids)
        for membership in memberships_within(scope, histories):
            yield pb.ExportRecordsResponse(membership=membership)
        purged = await self._database.read(partial(catalogue.purges_between, start=scope.start, end=scope.end))
        statement = export.statement(access, purged, self._clock.now())
        statement.unfounded_group_ids.extend(group_id for group_id, each in histories.items() if not each.founded)
        yield pb.ExportRecordsResponse(statement=statement)

    async def ListAccessRegister(
        self, request: pb.ListAccessRegisterRequest, _context: Context
    ) -> pb.ListAccessRegisterResponse:
        """One page of the register."""
        page = self._pages.open(request)
        after = int(page.after[0]) if page.after else -1
        found = await self._database.read(
            lambda session: register.events(
                session, register.Noun.ACCESS, request.access_id, after=after, limit=page.size + 1
            )
        )
        shown = found[: page.size]
        return pb.ListAccessRegisterResponse(
            events=[self._event(event) for event in shown],
            next_page_token=self._pages.token(page, str(shown[-1].position)) if len(found) > len(shown) else "",
        )

    def _event(self, event: register.Event) -> pb.RegisteredEvent:
        proof = proof_of(event, self._ledger)
        return pb.RegisteredEvent(
            event=pb.AccessEvent.FromString(event.statement),
            state=ProofState.PROOF_STATE_SEALED if proof else ProofState.PROOF_STATE_PENDING,
            proof=proof,
        )

    async def _begin(self, access_id: str, scope: Scope) -> pb.Access:
        """Counts and registers a read."""

        def command(unit: Unit) -> pb.Access:
            access = domain.read(store.get(unit.session, access_id), unit.call.person.staff_id, scope, unit.now)
            self._archive.check_open(_groups(scope), scope.start.date(), scope.end.date(), access.access_id)
            store.save(unit.session, access)
            return registered(unit, access, EventKind.READ, scope)

        # First, so that a fault there costs no read: what was acknowledged before the call is in a segment then.
        await self._sealer.seal()
        return await self._database.write(command)

    async def _check_goes_on(self, access_id: str) -> None:
        access = await self._database.read(partial(store.get, access_id=access_id))
        domain.check_goes_on(access, self._clock.now())

    async def _segments(self, scope: Scope) -> AsyncIterator[Sealed]:
        after = 0
        between = partial(catalogue.received_between, start=scope.start, end=scope.end, limit=_SEGMENTS_AT_ONCE)
        while found := await self._database.read(partial(between, after=after)):
            for sealed in found:
                yield sealed
            after = found[-1].next_index

    def _read(self, sealed: Sealed, scope: Scope, access_id: str) -> list[pb.RetainedRecord]:
        segment = self._archive.load(sealed, access_id=access_id)
        start, end = to_micros(scope.start), to_micros(scope.end)
        return [
            record_message(segment, record)
            for record in _readable(segment, _groups(scope))
            if start <= record.receive_time < end
        ]


def _groups(scope: Scope) -> list[bytes]:
    return [UUID(group_id).bytes for group_id in scope.group_ids]


def _readable(segment: Segment, groups: Sequence[bytes]) -> list[Record]:
    """The records of groups, by ordinal, without those whose keys are destroyed while a hold keeps their neighbours."""
    found: list[Record] = []
    for group in groups:
        try:
            found += segment.records([group])
        except Refusal as refusal:
            if refusal.reason != ErrorReason.ERROR_REASON_KEYS_DESTROYED:
                raise
    return sorted(found, key=lambda record: record.ordinal)


def _portions(records: Sequence[pb.RetainedRecord]) -> Iterator[list[pb.RetainedRecord]]:
    """Records in portions that fit a message."""
    portion: list[pb.RetainedRecord] = []
    size = 0
    for record in records:
        if portion and (len(portion) == _RECORDS_AT_ONCE or size + len(record.body) > _BYTES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(record)
        size += len(record.body)
    if portion:
        yield portion
