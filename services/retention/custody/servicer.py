"""CustodyService."""

from dataclasses import replace
from uuid import UUID

from chassis.call import current_call
from chassis.clock import Clock
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from chassis.refusal import Refusal
from ombud.retention.v1 import custody_service_pb2 as pb
from ombud.retention.v1.custody_service_pb2_grpc import CustodyServiceServicer
from services.retention.access.wire import access_message
from services.retention.custody import domain, store
from services.retention.custody.domain import Custodianship, EventKind, State
from services.retention.custody.register import custodian_message, registered
from services.retention.custody.requests import Pending, Requests
from services.retention.custody.roster import Roster
from services.retention.holds import store as holds
from services.retention.holds.domain import State as HoldState
from services.retention.holds.domain import narrowed
from services.retention.holds.wire import hold_message
from services.retention.keys.domain import FEWEST_ANSWERS
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.memberships.trail import Memberships
from services.retention.wire import Context


class CustodyServicer(CustodyServiceServicer):
    """Keeps the roster of custodians, and takes their answers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        keys: Keys,
        key_store: KeyStore,
        memberships: Memberships,
        roster: Roster,
        requests: Requests,
        pages: Pages,
    ) -> None:
        self._database = database
        self._keys = keys
        self._key_store = key_store
        self._memberships = memberships
        self._roster = roster
        self._requests = requests
        self._pages = pages
        self._clock = clock

    async def RegisterCustodian(
        self, request: pb.RegisterCustodianRequest, _context: Context
    ) -> pb.RegisterCustodianResponse:
        """Puts a proposal on file."""

        def command(unit: Unit) -> pb.RegisterCustodianResponse:
            domain.check_slot(request.slot, self._keys.slots)
            custodian = Custodianship(
                custodian_id=new_id(),
                slot=request.slot,
                staff_id=request.staff_id,
                public_key=request.public_key,
                proposer=unit.call.person.staff_id,
                propose_time=unit.now,
            )
            store.save(unit.session, custodian)
            registered(unit, EventKind.PROPOSED, custodian=custodian)
            return pb.RegisterCustodianResponse(custodian=custodian_message(custodian))

        return await self._database.write(command)

    async def ApproveCustodian(
        self, request: pb.ApproveCustodianRequest, _context: Context
    ) -> pb.ApproveCustodianResponse:
        """Gives the slot to its new holder."""

        def command(unit: Unit) -> pb.ApproveCustodianResponse:
            active = store.active(unit.session)
            proposed = store.get(unit.session, request.custodian_id)
            custodian = domain.approve(proposed, active, unit.call.person.staff_id, unit.now)
            for former in active:
                if former.slot == custodian.slot:
                    store.save(unit.session, replace(former, state=State.REPLACED))
            store.save(unit.session, custodian)
            registered(unit, EventKind.APPROVED, custodian=custodian)
            return pb.ApproveCustodianResponse(custodian=custodian_message(custodian))

        response = await self._database.write(command)
        await self._roster.load()
        return response

    async def ListCustodians(self, request: pb.ListCustodiansRequest, _context: Context) -> pb.ListCustodiansResponse:
        """Shows who holds what."""
        page = self._pages.open(request)
        after = page.after[0] if page.after else ""
        found = await self._database.read(lambda session: store.current(session, after=after, limit=page.size + 1))
        shown = found[: page.size]
        return pb.ListCustodiansResponse(
            custodians=map(custodian_message, shown),
            next_page_token=self._pages.token(page, shown[-1].custodian_id) if len(found) > len(shown) else "",
            open_days=pb.OpenDays(days=[day.isoformat() for day in self._key_store.days(RecordClass.CHAT, open_=True)]),
            slots=self._keys.slots,
        )

    async def ListPendingRequests(
        self, request: pb.ListPendingRequestsRequest, _context: Context
    ) -> pb.ListPendingRequestsResponse:
        """Shows what waits for the caller."""
        page = self._pages.open(request)
        after = page.after[0] if page.after else ""
        caller, waiting = await self._waiting()
        found = sorted((each for each in waiting if each.pending_id > after), key=lambda each: each.pending_id)
        shown = found[: page.size]
        return pb.ListPendingRequestsResponse(
            requests=[self._message(caller, pending) for pending in shown],
            next_page_token=self._pages.token(page, shown[-1].pending_id) if len(found) > len(shown) else "",
        )

    async def AnswerRequest(self, request: pb.AnswerRequestRequest, _context: Context) -> pb.AnswerRequestResponse:
        """Takes an answer; opens the request with the second one."""
        pending_id = request.pending_id.lower()
        caller, _ = await self._waiting()
        pending = self._requests.find(caller, pending_id)
        if pending is None:
            if self._requests.was_opened(pending_id):
                return pb.AnswerRequestResponse(answers=FEWEST_ANSWERS, opened=True)
            raise Refusal.not_found("request", request.pending_id)
        values = self._requests.check(pending, request.envelopes)
        if self._requests.repeats(pending, caller.slot, values, request.envelopes):
            return pb.AnswerRequestResponse(answers=len(pending.answered), opened=False)
        opened = self._requests.merged(pending, caller.slot, values) if values is not None else None

        def command(unit: Unit) -> pb.AnswerRequestResponse:
            registered(unit, EventKind.ANSWERED, custodian=caller, pending_id=pending_id)
            answers = len(pending.answered | {caller.slot})
            whole = answers >= FEWEST_ANSWERS
            if whole:
                registered(unit, EventKind.OPENED, custodian=pending.successor, pending_id=pending_id)
            return pb.AnswerRequestResponse(answers=answers, opened=whole)

        response = await self._database.write(command)
        if values is None:
            self._requests.pass_on(pending, caller.slot, request.envelopes)
        elif opened is None:
            pending.answers[caller.slot] = values
        else:
            self._requests.open(pending, opened)
        return response

    async def _waiting(self) -> tuple[Custodianship, list[Pending]]:
        now = self._clock.now()
        accesses, held, custodians = await self._database.read(
            lambda session: (
                store.open_accesses(session, now),
                [hold for hold in holds.not_ended(session) if hold.state(now) is HoldState.ACTIVE],
                store.active(session),
            )
        )
        person = current_call().caller.person
        caller = next((each for each in custodians if person and each.staff_id == person.staff_id), None)
        if caller is None:
            raise domain.not_a_custodian()
        histories = await self._memberships.of_groups(narrowed(held))
        return caller, self._requests.waiting(caller, accesses, held, histories, custodians)

    def _message(self, caller: Custodianship, pending: Pending) -> pb.PendingRequest:
        return pb.PendingRequest(
            pending_id=pending.pending_id,
            access=access_message(pending.access, self._clock.now()) if pending.access else None,
            hold=hold_message(pending.hold, self._clock.now()) if pending.hold else None,
            successor=custodian_message(pending.successor) if pending.successor else None,
            answer_key=pending.answer_key,
            slot=caller.slot,
            shares=[
                pb.CustodyShare(
                    day=entry.day.isoformat(),
                    group_id=str(UUID(bytes=entry.scope.group)) if entry.scope else "",
                    slots=entry.custody.slots,
                    envelopes=entry.custody.shares[caller.slot].envelopes,
                    opened_group_ids=[str(UUID(bytes=group)) for group in groups],
                )
                for entry, groups in zip(pending.entries, pending.opens, strict=True)
            ],
            answers=len(pending.answered),
        )
