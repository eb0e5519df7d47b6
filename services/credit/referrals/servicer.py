"""ReferralService: single acts of two persons, kept on file."""

from chassis import enums
from chassis.db import Database, Unit
from chassis.ids import new_id
from ombud.credit.v1 import referral_service_pb2 as pb
from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceServicer as Contract
from services.credit import wire
from services.credit.listing import Listing
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.referrals import domain, store
from services.credit.referrals.domain import Certificate, Referral, ReferralField, ReferralOutcome
from services.credit.sanctions import messages
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction


class ReferralServicer(Contract):
    """Proposes, approves, hands over, concludes and lists referrals."""

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
                fields=tuple(enums.value_of(pb.ReferralField, ReferralField, number) for number in request.fields),
                proposer=unit.call.person.staff_id,
                term=store.term(unit.session, unit.now),
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
            approver = unit.call.person.staff_id
            referral = domain.approve(
                proposed, sanction, approver=approver, term=store.term(unit.session, unit.now), at=unit.now
            )
            store.save(unit.session, referral)
            notify_at = max(referral.notify_at or unit.now, unit.now)
            letters.write(unit, LetterKind.REFERRED, sanction, text=referral.referral_id, not_before=notify_at)
            _audit(unit, "credit.referral.approved", referral, sanction)
            return pb.ApproveReferralResponse(referral=_message(referral))

        return await self._database.write(command)

    async def HandOverReferral(
        self, request: pb.HandOverReferralRequest, _context: wire.Context
    ) -> pb.HandOverReferralResponse:
        """What the authority gets of an approved referral."""

        def command(unit: Unit) -> pb.HandOverReferralResponse:
            referral = store.get(unit.session, request.referral_id)
            sanction = sanctions.get(unit.session, referral.sanction_id)
            domain.check_hand_over(referral, sanction)
            _audit(unit, "credit.referral.handed_over", referral, sanction)
            return pb.HandOverReferralResponse(document=_document(referral, sanction))

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
                outcome=enums.value_of(pb.ReferralOutcome, ReferralOutcome, request.outcome),
                reference=request.reference,
                term=store.term(unit.session, unit.now),
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

    async def ListReferralCertificates(
        self, request: pb.ListReferralCertificatesRequest, _context: wire.Context
    ) -> pb.ListReferralCertificatesResponse:
        """A page of the certificates."""
        found, token = await self._listing.page(
            request,
            lambda session, after, size: store.certificates(session, after=after, size=size),
            lambda certificate: certificate.referral_id,
        )
        return pb.ListReferralCertificatesResponse(
            certificates=[_certificate_message(certificate) for certificate in found], next_page_token=token
        )


def _document(referral: Referral, sanction: Sanction) -> pb.ReferralDocument:
    """What the referral names of the sanctioned act, and nothing else."""
    document = pb.ReferralDocument(
        referral_id=referral.referral_id, authority=referral.authority, legal_basis=referral.legal_basis
    )
    statement = sanction.statement
    for field in referral.fields:
        match field:
            case ReferralField.SUBJECT_ID:
                document.subject.CopyFrom(wire.subject_message(sanction.subject))
            case ReferralField.ACT_TIME:
                document.act_time.FromDatetime(statement.act_at)
            case ReferralField.RULE:
                rule = statement.rule
                document.rule.CopyFrom(pb.ReferredRule(title=rule.title, article=rule.article, clause=rule.clause))
            case ReferralField.FACTS:
                document.facts = statement.facts
            case ReferralField.EVIDENCE_HASHES:
                document.evidence.extend(wire.evidence_messages(statement.evidence))
            case ReferralField.MEASURES:
                document.measures.extend(messages.measure_messages(sanction.terms))
    return document


def _certificate_message(certificate: Certificate) -> pb.ReferralCertificate:
    return pb.ReferralCertificate(
        referral_id=certificate.referral_id,
        record_sha256=certificate.record_sha256,
        keep_end_time=wire.timestamp(certificate.kept_until),
        destroy_time=wire.timestamp(certificate.destroyed_at),
    )


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
        fields=[enums.number(pb.ReferralField, field) for field in referral.fields],
        state=enums.number(pb.ReferralState, referral.state),
        propose_time=wire.timestamp(referral.proposed_at),
        approve_time=wire.timestamp(referral.approved_at),
        outcome=enums.number(pb.ReferralOutcome, referral.outcome),
        reference=referral.reference,
        outcome_time=wire.timestamp(referral.outcome_at),
        correction_time=wire.timestamp(referral.correction_at),
        notify_time=wire.timestamp(referral.notify_at),
        keep_end_time=wire.timestamp(referral.kept_until),
    )
