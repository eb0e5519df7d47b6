"""Queries of referrals."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.credit.referrals.domain import Referral, ReferralField, ReferralOutcome, ReferralState
from services.credit.referrals.models import ReferralRow


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
        outcome=ReferralOutcome(row.outcome) if row.outcome else None,
        reference=row.reference,
        outcome_at=row.outcome_at,
        correction_at=row.correction_at,
        notify_at=row.notify_at,
    )
