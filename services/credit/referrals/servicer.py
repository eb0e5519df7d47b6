"""ReferralService: single acts of two persons, kept on file."""

from chassis.db import Database, Unit
from chassis.ids import new_id
from ombud.credit.v1 import referral_service_pb2 as pb
from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceServicer as Contract
from services.credit import wire
from services.credit.listing import Listing
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.referrals import domain, store
from services.credit.referrals.domain import Referral, ReferralField, ReferralOutcome
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction


class ReferralServicer(Contract):
    """Proposes, approves, concludes and lists referrals."""

    def __init__(self, database: Database, listing: Listing) -> None:
        self._database = database
        self._listing = listing

    async def ProposeReferral(
        self, request: pb.ProposeReferralRequest, _context: wire.Context
    ) -> pb.ProposeReferralResponse:
        """Proposes to refer the act of one sanction."""

        def command(unit: Unit) -> pb.ProposeReferralResponse:
            sanction = sanctions.get(unit.session, request.sanction_id)
            referral = domain.propose(
                sanction,
                referral_id=new_id(),
                authority=request.authority,
                legal_basis=request.legal_basis,
                fields=tuple(wire.value_of(pb.ReferralField, ReferralField, number) for number in request.fields),
                proposer=unit.call.person.staff_id,
                at=unit.now,
                notify_at=wire.instant(request, "notify_time"),
            )
            store.save(unit.session, referral)
            _audit(unit, "credit.referral.proposed", referral, sanction)
            return pb.ProposeReferralResponse(referral=_message(referral))

        return await self._database.write(command)

    async def ApproveReferral(
        self, request: pb.ApproveReferralRequest, _context: wire.Context
    ) -> pb.ApproveReferralResponse:
        """Approves a proposed referral."""

        def command(unit: Unit) -> pb.ApproveReferralResponse:
            proposed = store.get(unit.session, request.referral_id)
            sanction = sanctions.get(unit.session, proposed.sanction_id)
            referral = domain.approve(proposed, sanction, approver=unit.call.person.staff_id, at=unit.now)
            store.save(unit.session, referral)
            notify_at = max(referral.notify_at or unit.now, unit.now)
            letters.write(unit, LetterKind.REFERRED, sanction, text=referral.referral_id, not_before=notify_at)
            _audit(unit, "credit.referral.approved", referral, sanction)
            return pb.ApproveReferralResponse(referral=_message(referral))

        return await self._database.write(command)

    async def RecordReferralOutcome(
        self, request: pb.RecordReferralOutcomeRequest, _context: wire.Context
    ) -> pb.RecordReferralOutcomeResponse:
        """Records what the authority did."""

        def command(unit: Unit) -> pb.RecordReferralOutcomeResponse:
            approved = store.get(unit.session, request.referral_id)
            sanction = sanctions.get(unit.session, approved.sanction_id)
            referral = domain.conclude(
                approved,
                outcome=wire.value_of(pb.ReferralOutcome, ReferralOutcome, request.outcome),
                reference=request.reference,
                at=unit.now,
            )
            store.save(unit.session, referral)
            _audit(unit, "credit.referral.concluded", referral, sanction)
            return pb.RecordReferralOutcomeResponse(referral=_message(referral))

        return await self._database.write(command)

    async def ListReferrals(self, request: pb.ListReferralsRequest, _context: wire.Context) -> pb.ListReferralsResponse:
        """A page of the file."""
        referrals, token = await self._listing.page(
            request,
            lambda session, after, size: store.page(session, after=after, size=size),
            lambda referral: referral.referral_id,
        )
        return pb.ListReferralsResponse(referrals=[_message(referral) for referral in referrals], next_page_token=token)


def _audit(unit: Unit, action: str, referral: Referral, sanction: Sanction) -> None:
    unit.audit(
        action,
        subject=wire.subject_message(sanction.subject),
        resource_id=referral.referral_id,
        facts={
            "sanction_id": sanction.sanction_id,
            "fields": ",".join(referral.fields),
            "outcome": referral.outcome or "",
        },
    )


def _message(referral: Referral) -> pb.Referral:
    return pb.Referral(
        referral_id=referral.referral_id,
        sanction_id=referral.sanction_id,
        authority=referral.authority,
        legal_basis=referral.legal_basis,
        fields=[wire.number(pb.ReferralField, field) for field in referral.fields],
        state=wire.number(pb.ReferralState, referral.state),
        propose_time=wire.timestamp(referral.proposed_at),
        approve_time=wire.timestamp(referral.approved_at),
        outcome=wire.number(pb.ReferralOutcome, referral.outcome),
        reference=referral.reference,
        outcome_time=wire.timestamp(referral.outcome_at),
        correction_time=wire.timestamp(referral.correction_at),
        notify_time=wire.timestamp(referral.notify_at),
    )
