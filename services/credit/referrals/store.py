"""Queries of referrals."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.credit.policies import store as policies
from services.credit.referrals.domain import Certificate, Referral, ReferralField, ReferralOutcome, ReferralState
from services.credit.referrals.models import ReferralCertificateRow, ReferralRow


def term(session: Session, at: datetime) -> timedelta:
    """How long a referral is kept after an act on it, by the policy in force at an instant."""
    return timedelta(days=policies.at(session, at).pack.credit.referral_days)


def save(session: Session, referral: Referral) -> None:
    """Stores a referral, new or changed."""
    session.merge(
        ReferralRow(
            referral_id=referral.referral_id,
            sanction_id=referral.sanction_id,
            authority=referral.authority,
            legal_basis=referral.legal_basis,
            fields=",".join(referral.fields),
            state=referral.state,
            proposer=referral.proposer,
            proposed_at=referral.proposed_at,
            approver=referral.approver or None,
            approved_at=referral.approved_at,
            outcome=referral.outcome,
            reference=referral.reference,
            outcome_at=referral.outcome_at,
            correction_at=referral.correction_at,
            notify_at=referral.notify_at,
            kept_until=referral.kept_until,
        )
    )
    session.flush()


def get(session: Session, referral_id: str) -> Referral:
    """The referral by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(ReferralRow, referral_id)
    if row is None:
        raise Refusal.not_found("referral", referral_id)
    return _referral(row)


def of_sanctions(session: Session, sanction_ids: Iterable[str]) -> list[Referral]:
    """The referrals of some sanctions, oldest first."""
    query = select(ReferralRow).where(col(ReferralRow.sanction_id).in_(list(sanction_ids)))
    return [_referral(row) for row in session.exec(query.order_by(col(ReferralRow.referral_id)))]


def page(session: Session, *, after: str, size: int) -> list[Referral]:
    """Referrals after a referral id, oldest first, at most `size`."""
    query = select(ReferralRow).where(col(ReferralRow.referral_id) > after)
    return [_referral(row) for row in session.exec(query.order_by(col(ReferralRow.referral_id)).limit(size))]


def due(session: Session, at: datetime) -> list[str]:
    """Ids of the referrals that need not be kept any longer at an instant."""
    query = select(ReferralRow.referral_id).where(col(ReferralRow.kept_until) <= at)
    return list(session.exec(query.order_by(col(ReferralRow.referral_id))))


def destroy(session: Session, certificate: Certificate) -> None:
    """Removes a referral, and keeps its certificate."""
    session.delete(session.get_one(ReferralRow, certificate.referral_id))
    session.add(
        ReferralCertificateRow(
            referral_id=certificate.referral_id,
            record_sha256=certificate.record_sha256,
            kept_until=certificate.kept_until,
            destroyed_at=certificate.destroyed_at,
            approved_at=certificate.approved_at,
            outcome=certificate.outcome,
            outcome_at=certificate.outcome_at,
        )
    )
    session.flush()


def certificates(session: Session, *, after: str, size: int) -> list[Certificate]:
    """Certificates after a referral id, by referral id, at most `size`."""
    query = select(ReferralCertificateRow).where(col(ReferralCertificateRow.referral_id) > after)
    return [
        Certificate(
            referral_id=row.referral_id,
            record_sha256=row.record_sha256,
            kept_until=row.kept_until,
            destroyed_at=row.destroyed_at,
            approved_at=row.approved_at,
            outcome=_outcome(row.outcome),
            outcome_at=row.outcome_at,
        )
        for row in session.exec(query.order_by(col(ReferralCertificateRow.referral_id)).limit(size))
    ]


def _referral(row: ReferralRow) -> Referral:
    return Referral(
        referral_id=row.referral_id,
        sanction_id=row.sanction_id,
        authority=row.authority,
        legal_basis=row.legal_basis,
        fields=tuple(ReferralField(name) for name in row.fields.split(",")),
        state=ReferralState(row.state),
        proposer=row.proposer,
        proposed_at=row.proposed_at,
        approver=row.approver or "",
        approved_at=row.approved_at,
        outcome=_outcome(row.outcome),
        reference=row.reference,
        outcome_at=row.outcome_at,
        correction_at=row.correction_at,
        notify_at=row.notify_at,
        kept_until=row.kept_until,
    )


def _outcome(name: str | None) -> ReferralOutcome | None:
    return ReferralOutcome(name) if name else None
