"""Queries on accreditations."""

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.identity.accreditations.domain import Accreditation, AccreditationState
from services.identity.accreditations.models import AccreditationRow


def get(session: Session, accreditation_id: str) -> Accreditation:
    """The accreditation.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(AccreditationRow, accreditation_id)
    if row is None:
        raise Refusal.not_found("accreditation", accreditation_id)
    return _accreditation(row)


def find(session: Session, account_id: str, state: AccreditationState) -> Accreditation | None:
    """The account's accreditation that is PENDING or GRANTED; there is at most one of each."""
    query = select(AccreditationRow).where(
        col(AccreditationRow.account_id) == account_id, col(AccreditationRow.state) == state
    )
    row = session.exec(query).first()
    return None if row is None else _accreditation(row)


def save(session: Session, accreditation: Accreditation) -> None:
    """Inserts the accreditation, or replaces what is recorded of it."""
    session.merge(AccreditationRow(**vars(accreditation)))
    session.flush()


def _accreditation(row: AccreditationRow) -> Accreditation:
    return Accreditation(
        row.accreditation_id,
        row.account_id,
        row.nickname,
        AccreditationState(row.state),
        row.apply_time,
        row.grant_time,
    )
