"""HoldService."""

from datetime import UTC

from chassis.clock import Clock
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from ombud.retention.v1 import hold_service_pb2 as pb
from ombud.retention.v1.hold_service_pb2_grpc import HoldServiceServicer
from ombud.retention.v1.record_pb2 import ProofState
from services.retention.access.wire import scope_of
from services.retention.holds import domain, store
from services.retention.holds.domain import EventKind, Hold
from services.retention.holds.register import registered
from services.retention.holds.wire import hold_message
from services.retention.log.ledger import Ledger
from services.retention.register import store as register
from services.retention.register.jobs import proof_of
from services.retention.wire import Context


class HoldServicer(HoldServiceServicer):
    """Places, prolongs and releases legal holds, each by two persons."""

    def __init__(self, database: Database, ledger: Ledger, *, pages: Pages, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._pages = pages
        self._clock = clock

    async def PlaceHold(self, request: pb.PlaceHoldRequest, _context: Context) -> pb.PlaceHoldResponse:
        """Keeps the records from now on."""

        def command(unit: Unit) -> pb.PlaceHoldResponse:
            review_time = request.review_time.ToDatetime(tzinfo=UTC)
            domain.check_review_time(review_time, unit.now)
            hold = Hold(
                hold_id=new_id(),
                case_id=request.case_id,
                legal_basis=request.legal_basis,
                scope=scope_of(request.scope),
                participant=request.participant_account_id.lower() or None,
                review_time=review_time,
                place_time=unit.now,
                proposer=unit.call.person.staff_id,
            )
            store.add(unit.session, hold)
            return pb.PlaceHoldResponse(hold=registered(unit, hold, EventKind.PLACED))

        return await self._database.write(command)

    async def ReleaseHold(self, request: pb.ReleaseHoldRequest, _context: Context) -> pb.ReleaseHoldResponse:
        """Puts the release on file."""

        def command(unit: Unit) -> pb.ReleaseHoldResponse:
            active = store.get(unit.session, request.hold_id)
            hold = domain.propose_release(active, unit.call.person.staff_id, unit.now)
            store.save(unit.session, hold)
            return pb.ReleaseHoldResponse(hold=registered(unit, hold, EventKind.RELEASE_PROPOSED))

        return await self._database.write(command)

    async def ProlongHold(self, request: pb.ProlongHoldRequest, _context: Context) -> pb.ProlongHoldResponse:
        """Puts another review date on file."""

        def command(unit: Unit) -> pb.ProlongHoldResponse:
            active = store.get(unit.session, request.hold_id)
            review_time = request.review_time.ToDatetime(tzinfo=UTC)
            hold = domain.propose_prolonging(active, unit.call.person.staff_id, review_time, unit.now)
            store.save(unit.session, hold)
            return pb.ProlongHoldResponse(hold=registered(unit, hold, EventKind.PROLONGING_PROPOSED))

        return await self._database.write(command)

    async def ApproveHold(self, request: pb.ApproveHoldRequest, _context: Context) -> pb.ApproveHoldResponse:
        """Lets what was pending take effect."""

        def command(unit: Unit) -> pb.ApproveHoldResponse:
            pending = store.get(unit.session, request.hold_id)
            hold, kind = domain.approve(pending, unit.call.person.staff_id, unit.now)
            store.save(unit.session, hold)
            return pb.ApproveHoldResponse(hold=registered(unit, hold, kind))

        return await self._database.write(command)

    async def ListHolds(self, request: pb.ListHoldsRequest, _context: Context) -> pb.ListHoldsResponse:
        """One page of holds."""
        page = self._pages.open(request)
        after = str(page.after[0]) if page.after else ""
        found = await self._database.read(lambda session: store.page(session, after=after, limit=page.size + 1))
        shown, now = found[: page.size], self._clock.now()
        return pb.ListHoldsResponse(
            holds=[hold_message(hold, now) for hold in shown],
            next_page_token=self._pages.token(page, shown[-1].hold_id) if len(found) > len(shown) else "",
        )

    async def ListHoldRegister(
        self, request: pb.ListHoldRegisterRequest, _context: Context
    ) -> pb.ListHoldRegisterResponse:
        """One page of the register of holds."""
        page = self._pages.open(request)
        after = int(page.after[0]) if page.after else -1
        found = await self._database.read(
            lambda session: register.events(
                session, register.Noun.HOLD, request.hold_id, after=after, limit=page.size + 1
            )
        )
        shown = found[: page.size]
        return pb.ListHoldRegisterResponse(
            events=[self._event(event) for event in shown],
            next_page_token=self._pages.token(page, str(shown[-1].position)) if len(found) > len(shown) else "",
        )

    def _event(self, event: register.Event) -> pb.RegisteredHoldEvent:
        proof = proof_of(event, self._ledger)
        return pb.RegisteredHoldEvent(
            event=pb.HoldEvent.FromString(event.statement),
            state=ProofState.PROOF_STATE_SEALED if proof else ProofState.PROOF_STATE_PENDING,
            proof=proof,
        )
