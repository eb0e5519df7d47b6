"""LifecycleService."""

from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from ombud.retention.v1 import lifecycle_service_pb2 as pb
from ombud.retention.v1.lifecycle_service_pb2_grpc import LifecycleServiceServicer
from ombud.retention.v1.record_pb2 import ProofState
from services.retention.lifecycle import domain, store
from services.retention.lifecycle.domain import Terms, TermsKind
from services.retention.lifecycle.register import registered_terms
from services.retention.lifecycle.wire import class_of
from services.retention.log.ledger import Ledger
from services.retention.register import store as register
from services.retention.register.jobs import proof_of
from services.retention.wire import Context


class LifecycleServicer(LifecycleServiceServicer):
    """Sets how long records are kept, and shows how they ended."""

    def __init__(self, database: Database, ledger: Ledger, pages: Pages) -> None:
        self._database = database
        self._ledger = ledger
        self._pages = pages

    async def SetRetentionClass(
        self, request: pb.SetRetentionClassRequest, _context: Context
    ) -> pb.SetRetentionClassResponse:
        """Puts a proposal on file."""

        def command(unit: Unit) -> pb.SetRetentionClassResponse:
            name = class_of(request.name)
            domain.check_terms(name, request.floor_days, request.ceiling_days)
            terms = Terms(
                terms_id=new_id(),
                name=name,
                floor_days=request.floor_days,
                ceiling_days=request.ceiling_days,
                propose_time=unit.now,
                proposer=unit.call.person.staff_id,
            )
            store.add_terms(unit.session, terms)
            return pb.SetRetentionClassResponse(terms=registered_terms(unit, terms, TermsKind.PROPOSED))

        return await self._database.write(command)

    async def ApproveRetentionClass(
        self, request: pb.ApproveRetentionClassRequest, _context: Context
    ) -> pb.ApproveRetentionClassResponse:
        """Lets the terms apply from the next day on."""

        def command(unit: Unit) -> pb.ApproveRetentionClassResponse:
            proposed = store.get_terms(unit.session, request.terms_id)
            terms = domain.approve_terms(proposed, unit.call.person.staff_id, unit.now)
            store.save_terms(unit.session, terms)
            return pb.ApproveRetentionClassResponse(terms=registered_terms(unit, terms, TermsKind.APPROVED))

        return await self._database.write(command)

    async def ListRetentionClasses(
        self, request: pb.ListRetentionClassesRequest, _context: Context
    ) -> pb.ListRetentionClassesResponse:
        """One page of the events of terms."""
        page = self._pages.open(request)
        after = int(page.after[0]) if page.after else -1
        found = await self._database.read(
            lambda session: register.events(session, register.Noun.CLASS, "", after=after, limit=page.size + 1)
        )
        shown = found[: page.size]
        return pb.ListRetentionClassesResponse(
            events=[self._terms_event(event) for event in shown],
            next_page_token=self._pages.token(page, str(shown[-1].position)) if len(found) > len(shown) else "",
        )

    async def ListCertificates(
        self, request: pb.ListCertificatesRequest, _context: Context
    ) -> pb.ListCertificatesResponse:
        """One page of the events of purges."""
        page = self._pages.open(request)
        after = int(page.after[0]) if page.after else -1
        found = await self._database.read(
            lambda session: register.events(session, register.Noun.PURGE, "", after=after, limit=page.size + 1)
        )
        shown = found[: page.size]
        return pb.ListCertificatesResponse(
            events=[self._purge_event(event) for event in shown],
            next_page_token=self._pages.token(page, str(shown[-1].position)) if len(found) > len(shown) else "",
        )

    def _purge_event(self, event: register.Event) -> pb.RegisteredPurgeEvent:
        proof = proof_of(event, self._ledger)
        return pb.RegisteredPurgeEvent(
            event=pb.PurgeEvent.FromString(event.statement),
            state=ProofState.PROOF_STATE_SEALED if proof else ProofState.PROOF_STATE_PENDING,
            proof=proof,
        )

    def _terms_event(self, event: register.Event) -> pb.RegisteredTermsEvent:
        proof = proof_of(event, self._ledger)
        return pb.RegisteredTermsEvent(
            event=pb.TermsEvent.FromString(event.statement),
            state=ProofState.PROOF_STATE_SEALED if proof else ProofState.PROOF_STATE_PENDING,
            proof=proof,
        )
