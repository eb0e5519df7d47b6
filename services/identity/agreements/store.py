"""Queries on agreements and signatures."""

from datetime import datetime

from sqlmodel import Session, col, select, tuple_

from chassis.refusal import Refusal
from services.identity.agreements.domain import Agreement, Signature
from services.identity.agreements.models import AgreementRow, SignatureRow


def get(session: Session, name: str, version: int) -> Agreement:
    """One version.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(AgreementRow, (name, version))
    if row is None:
        raise Refusal.not_found("agreement", f"{name}/{version}")
    return _agreement(row)


def newest(session: Session, name: str) -> Agreement | None:
    """The version published last, in force or not."""
    query = select(AgreementRow).where(col(AgreementRow.name) == name).order_by(col(AgreementRow.version).desc())
    row = session.exec(query).first()
    return None if row is None else _agreement(row)


def current(session: Session, name: str, *, at: datetime) -> Agreement | None:
    """The version in force."""
    query = (
        select(AgreementRow)
        .where(col(AgreementRow.name) == name, col(AgreementRow.effective_time) <= at)
        .order_by(col(AgreementRow.version).desc())
    )
    row = session.exec(query).first()
    return None if row is None else _agreement(row)


def add(session: Session, agreement: Agreement) -> None:
    """Inserts a version."""
    session.add(AgreementRow(**vars(agreement)))
    session.flush()


def signature(session: Session, account_id: str, name: str, version: int) -> Signature | None:
    """The account's signature under that version."""
    row = session.get(SignatureRow, (account_id, name, version))
    return None if row is None else _signature(row)


def accepted(session: Session, account_id: str, name: str, *, at: datetime) -> Signature | None:
    """The account's signature under the newest version that it had signed at an instant."""
    query = (
        select(SignatureRow)
        .where(col(SignatureRow.account_id) == account_id, col(SignatureRow.agreement_name) == name)
        .where(col(SignatureRow.sign_time) <= at)
        .order_by(col(SignatureRow.version).desc())
    )
    row = session.exec(query).first()
    return None if row is None else _signature(row)


def add_signature(session: Session, signed: Signature) -> None:
    """Inserts a signature."""
    session.add(SignatureRow(**vars(signed)))
    session.flush()


def signatures(session: Session, account_id: str, *, after: tuple[str, int], limit: int) -> list[Signature]:
    """Up to `limit` of the account's signatures by name and version, after the given ones."""
    key = tuple_(col(SignatureRow.agreement_name), col(SignatureRow.version))
    query = (
        select(SignatureRow)
        .where(col(SignatureRow.account_id) == account_id, key > after)
        .order_by(col(SignatureRow.agreement_name), col(SignatureRow.version))
        .limit(limit)
    )
    return [_signature(row) for row in session.exec(query)]


def _agreement(row: AgreementRow) -> Agreement:
    return Agreement(row.name, row.version, row.terms, row.terms_sha256, row.effective_time, row.publish_time)


def _signature(row: SignatureRow) -> Signature:
    return Signature(row.account_id, row.agreement_name, row.version, row.terms_sha256, row.sign_time)
