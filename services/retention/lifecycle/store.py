"""Queries on terms."""

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.retention.lifecycle.domain import ClassName, Terms
from services.retention.lifecycle.models import TermsRow


def add_terms(session: Session, terms: Terms) -> None:
    """Keeps new terms."""
    session.add(_row(terms))
    session.flush()


def save_terms(session: Session, terms: Terms) -> None:
    """Keeps what became of terms."""
    session.merge(_row(terms))
    session.flush()


def get_terms(session: Session, terms_id: str) -> Terms:
    """Terms by their id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(TermsRow, terms_id.lower())
    if row is None:
        raise Refusal.not_found("terms", terms_id)
    return _terms(row)


def versions(session: Session, name: ClassName) -> list[Terms]:
    """All terms of a class that apply from some instant on, in that order; of one instant, the last made last."""
    query = select(TermsRow).where(TermsRow.class_name == name.value, col(TermsRow.effective_time).is_not(None))
    return [_terms(row) for row in session.exec(query.order_by(col(TermsRow.effective_time), col(TermsRow.terms_id)))]


def _terms(row: TermsRow) -> Terms:
    return Terms(
        terms_id=row.terms_id,
        name=ClassName(row.class_name),
        floor_days=row.floor_days,
        ceiling_days=row.ceiling_days,
        propose_time=row.propose_time,
        proposer=row.proposer,
        approver=row.approver,
        approve_time=row.approve_time,
        effective_time=row.effective_time,
    )


def _row(terms: Terms) -> TermsRow:
    return TermsRow(
        terms_id=terms.terms_id,
        class_name=terms.name.value,
        floor_days=terms.floor_days,
        ceiling_days=terms.ceiling_days,
        proposer=terms.proposer,
        propose_time=terms.propose_time,
        approver=terms.approver,
        approve_time=terms.approve_time,
        effective_time=terms.effective_time,
    )
