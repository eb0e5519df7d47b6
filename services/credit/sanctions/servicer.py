"""SanctionService: one person proposes, another approves, and the delivery of the notice does the rest."""

from datetime import datetime

from sqlmodel import Session

from chassis.call import current_call
from chassis.db import Database, Unit
from chassis.ids import new_id
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceServicer as Contract
from services.credit import wire
from services.credit.groups_peer import GroupsPeer
from services.credit.listing import Listing
from services.credit.notices import stays
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.policies import store as policies
from services.credit.sanctions import acts, domain, interim, messages, relief, store
from services.credit.sanctions.domain import DutyBreach, Sanction
from services.credit.sanctions.jobs import NoticeDelivery
from services.credit.sanctions.proposal import Proposal, evidence_reused, propose
from services.credit.sanctions.relief import Actor
from services.credit.standings import store as standings


class SanctionServicer(Contract):
    """Proposes, approves, withdraws, lifts, varies, stays and shows sanctions."""

    def __init__(self, database: Database, listing: Listing, groups: GroupsPeer, notices: NoticeDelivery) -> None:
        self._database = database
        self._listing = listing
        self._groups = groups
        self._notices = notices

    async def ProposeSanction(
        self, request: pb.ProposeSanctionRequest, _context: wire.Context
    ) -> pb.ProposeSanctionResponse:
        """Stores the proposal, if it meets every rule."""
        if isinstance(answer := await self._database.recall(), pb.ProposeSanctionResponse):
            return answer
        proposal = messages.proposal(request, issuer=current_call().person.staff_id)
        breach = await self._breach(proposal, request.duty_notice_id)
        origin = await self._groups.origin(proposal.tip_off_id)

        def command(unit: Unit) -> pb.ProposeSanctionResponse:
            act_at = proposal.reasons.act_at or unit.now
            priors = store.get_all(unit.session, request.prior_sanction_ids)
            sanction = propose(
                proposal,
                sanction_id=new_id(),
                policy=policies.for_act(unit.session, act_at),
                priors=priors,
                points_left=standings.points_left(unit.session, request.prior_sanction_ids, unit.now),
                breach=breach,
                gravest=store.gravest_step(unit.session, proposal.subject),
                own_account_id=unit.call.person.account_id,
                origin=origin,
                at=unit.now,
            )
            if known := store.founded_on(unit.session, sanction.subject, sanction.evidence_set):
                raise evidence_reused(known)
            store.add(unit.session, sanction)
            unit.audit(
                "credit.sanction.proposed",
                subject=wire.subject_message(sanction.subject),
                resource_id=sanction.sanction_id,
                facts={
                    "rule": sanction.statement.rule.rule_id,
                    "policy_hash": sanction.statement.rule.policy_hash,
                    "measures": ",".join(measure.kind for measure in sanction.measures),
                    "tip_off_id": sanction.tip_off_id,
                    "duty_notice_id": breach.notice_id if breach else "",
                },
            )
            return pb.ProposeSanctionResponse(sanction=messages.sanction_message(sanction, stay=None, at=unit.now))

        return await self._database.write(command)

    async def ApproveSanction(
        self, request: pb.ApproveSanctionRequest, _context: wire.Context
    ) -> pb.ApproveSanctionResponse:
        """Approves the proposal and makes its notice."""

        def command(unit: Unit) -> pb.ApproveSanctionResponse:
            proposed = store.get(unit.session, request.sanction_id)
            person = unit.call.person
            sanction = domain.approve(proposed, approver=person.staff_id, own_account_id=person.account_id, at=unit.now)
            store.update(unit.session, sanction)
            store.add_notice(unit.session, sanction, traceparent=unit.call.trace.parent)
            unit.audit(
                "credit.sanction.approved",
                subject=wire.subject_message(sanction.subject),
                resource_id=sanction.sanction_id,
            )
            return pb.ApproveSanctionResponse(sanction=messages.sanction_message(sanction, stay=None, at=unit.now))

        response = await self._database.write(command)
        self._notices.wake()
        return response

    async def ImposeInterimMeasure(
        self, request: pb.ImposeInterimMeasureRequest, _context: wire.Context
    ) -> pb.ImposeInterimMeasureResponse:
        """Imposes measures until there is a decision, and makes their notice."""
        if isinstance(answer := await self._database.recall(), pb.ImposeInterimMeasureResponse):
            return answer
        proposal = messages.interim(request, issuer=current_call().person.staff_id)
        origin = await self._groups.origin(proposal.tip_off_id)

        def command(unit: Unit) -> pb.ImposeInterimMeasureResponse:
            sanction = interim.impose(
                proposal,
                sanction_id=new_id(),
                policy=policies.for_act(unit.session, proposal.reasons.act_at or unit.now),
                known=store.had_interim(
                    unit.session, proposal.subject, [item.sha256 for item in proposal.reasons.evidence]
                ),
                own_account_id=unit.call.person.account_id,
                origin=origin,
                at=unit.now,
            )
            store.add(unit.session, sanction)
            store.add_notice(unit.session, sanction, traceparent=unit.call.trace.parent)
            unit.audit(
                "credit.sanction.imposed",
                subject=wire.subject_message(sanction.subject),
                resource_id=sanction.sanction_id,
                facts={
                    "rule": sanction.statement.rule.rule_id,
                    "policy_hash": sanction.statement.rule.policy_hash,
                    "measures": ",".join(measure.kind for measure in sanction.measures),
                    "tip_off_id": sanction.tip_off_id,
                },
            )
            return pb.ImposeInterimMeasureResponse(sanction=messages.sanction_message(sanction, stay=None, at=unit.now))

        response = await self._database.write(command)
        self._notices.wake()
        return response

    async def WithdrawSanction(
        self, request: pb.WithdrawSanctionRequest, _context: wire.Context
    ) -> pb.WithdrawSanctionResponse:
        """Takes the caller's own proposal back."""

        def command(unit: Unit) -> pb.WithdrawSanctionResponse:
            proposed = store.get(unit.session, request.sanction_id)
            sanction = domain.withdraw(proposed, proposer=unit.call.person.staff_id)
            store.update(unit.session, sanction)
            unit.audit(
                "credit.sanction.withdrawn",
                subject=wire.subject_message(sanction.subject),
                resource_id=sanction.sanction_id,
            )
            return pb.WithdrawSanctionResponse(sanction=messages.sanction_message(sanction, stay=None, at=unit.now))

        return await self._database.write(command)

    async def LiftSanction(self, request: pb.LiftSanctionRequest, _context: wire.Context) -> pb.LiftSanctionResponse:
        """Lifts the sanction."""

        def command(unit: Unit) -> pb.LiftSanctionResponse:
            imposed = store.get(unit.session, request.sanction_id)
            sanction = acts.lift(unit, relief.lift(imposed, _actor(unit, request.reasons), at=unit.now))
            letters.write(unit, LetterKind.SANCTION_LIFTED, sanction, text=request.reasons)
            return pb.LiftSanctionResponse(sanction=_messages(unit.session, [sanction], unit.now)[0])

        return await self._database.write(command)

    async def VarySanction(self, request: pb.VarySanctionRequest, _context: wire.Context) -> pb.VarySanctionResponse:
        """Makes the sanction milder."""
        ends = messages.varied_ends(request.measures)

        def command(unit: Unit) -> pb.VarySanctionResponse:
            imposed = store.get(unit.session, request.sanction_id)
            varied = relief.vary(imposed, _actor(unit, request.reasons), ends, at=unit.now)
            sanction = acts.vary(unit, varied, points=request.points)
            letters.write(unit, LetterKind.SANCTION_VARIED, sanction, text=request.reasons)
            return pb.VarySanctionResponse(sanction=_messages(unit.session, [sanction], unit.now)[0])

        return await self._database.write(command)

    async def StaySanction(self, request: pb.StaySanctionRequest, _context: wire.Context) -> pb.StaySanctionResponse:
        """Stays the sanction until its appeal is decided."""

        def command(unit: Unit) -> pb.StaySanctionResponse:
            sanction = store.get(unit.session, request.sanction_id)
            acts.stay(unit, sanction, _actor(unit, request.reasons))
            letters.write(unit, LetterKind.SANCTION_STAYED, sanction, text=request.reasons)
            stays.tell_begin(unit, sanction)
            return pb.StaySanctionResponse(sanction=_messages(unit.session, [sanction], unit.now)[0])

        return await self._database.write(command)

    async def RecordRectification(
        self, request: pb.RecordRectificationRequest, _context: wire.Context
    ) -> pb.RecordRectificationResponse:
        """Records that the order of a sanction was followed."""

        def command(unit: Unit) -> pb.RecordRectificationResponse:
            sanction = acts.rectify(
                unit, store.get(unit.session, request.sanction_id), _actor(unit, ""), proof_sha256=request.proof_sha256
            )
            letters.write(unit, LetterKind.RECTIFICATION_RECORDED, sanction)
            return pb.RecordRectificationResponse(sanction=_messages(unit.session, [sanction], unit.now)[0])

        return await self._database.write(command)

    async def GetSanction(self, request: pb.GetSanctionRequest, _context: wire.Context) -> pb.GetSanctionResponse:
        """A sanction with its statement."""
        at = self._database.clock.now()
        sanction = await self._database.read(
            lambda session: _messages(session, [store.get(session, request.sanction_id)], at)[0]
        )
        return pb.GetSanctionResponse(sanction=sanction)

    async def ListSanctions(self, request: pb.ListSanctionsRequest, _context: wire.Context) -> pb.ListSanctionsResponse:
        """A page of the sanctions of a subject."""
        subject, at = wire.subject(request.subject), self._database.clock.now()
        sanctions, token = await self._listing.page(
            request,
            lambda session, after, size: _messages(
                session, store.of_subject(session, subject, after=after, size=size), at
            ),
            lambda sanction: sanction.sanction_id,
        )
        return pb.ListSanctionsResponse(sanctions=sanctions, next_page_token=token)

    async def _breach(self, proposal: Proposal, notice_id: str) -> DutyBreach | None:
        if not (proposal.capacity.answers_for_duty and notice_id and proposal.group_id):
            return None
        return await self._groups.breach(
            group_id=proposal.group_id, notice_id=notice_id, account_id=proposal.subject.id
        )


def _actor(unit: Unit, reasons: str) -> Actor:
    return Actor(unit.call.person.staff_id, unit.call.person.account_id, reasons)


def _messages(session: Session, sanctions: list[Sanction], at: datetime) -> list[pb.Sanction]:
    stayed = standings.stays(session, [sanction.sanction_id for sanction in sanctions])
    return [messages.sanction_message(sanction, stay=stayed.get(sanction.sanction_id), at=at) for sanction in sanctions]
