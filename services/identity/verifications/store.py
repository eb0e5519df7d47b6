"""Queries on verifications."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from chassis.refusal import Refusal
from services.identity.accounts.domain import Level, Method
from services.identity.verifications.domain import Doubt, Verification, VerificationReason, VerificationState
from services.identity.verifications.models import VerificationRow

_OPEN = (VerificationState.AWAITING_USER, VerificationState.REVIEW)
_MOST_EXPIRED = 100


@dataclass(frozen=True)
class Stored:
    """A verification with the keyed hash of the code that it awaits, if it awaits one."""

    verification: Verification
    code_mac: bytes | None


def get(session: Session, verification_id: str) -> Stored:
    """The verification.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(VerificationRow, verification_id)
    if row is None:
        raise Refusal.not_found("verification", verification_id)
    return Stored(_verification(row), row.code_mac)


def open_of(session: Session, account_id: str) -> list[Verification]:
    """The account's verifications that are recorded as open."""
    query = select(VerificationRow).where(
        col(VerificationRow.account_id) == account_id, col(VerificationRow.state).in_(_OPEN)
    )
    return [_verification(row) for row in session.exec(query)]


def verified_of(session: Session, account_id: str, method: Method) -> list[str]:
    """Ids of the account's verifications by that method that ended VERIFIED."""
    query = select(VerificationRow.verification_id).where(
        col(VerificationRow.account_id) == account_id,
        col(VerificationRow.state) == VerificationState.VERIFIED,
        col(VerificationRow.method) == method,
    )
    return list(session.exec(query))


def count_started(session: Session, account_id: str, *, since: datetime) -> int:
    """How many verifications were started for the account since then."""
    query = select(func.count()).where(
        col(VerificationRow.account_id) == account_id, col(VerificationRow.create_time) > since
    )
    return session.exec(query).one()


def expired(session: Session, at: datetime) -> list[Verification]:
    """Verifications recorded as awaiting evidence for which it is too late, the oldest first, at most 100."""
    query = (
        select(VerificationRow)
        .where(col(VerificationRow.state) == VerificationState.AWAITING_USER, col(VerificationRow.expire_time) <= at)
        .order_by(col(VerificationRow.verification_id))
        .limit(_MOST_EXPIRED)
    )
    return [_verification(row) for row in session.exec(query)]


def in_review(session: Session, *, after: str, limit: int) -> list[Verification]:
    """Up to `limit` verifications that wait for a reviewer, the oldest first, after the given id."""
    query = (
        select(VerificationRow)
        .where(col(VerificationRow.state) == VerificationState.REVIEW, col(VerificationRow.verification_id) > after)
        .order_by(col(VerificationRow.verification_id))
        .limit(limit)
    )
    return [_verification(row) for row in session.exec(query)]


def add(session: Session, verification: Verification, *, code_mac: bytes | None = None) -> None:
    """Records a new verification."""
    session.add(_row(verification, code_mac))


def save(session: Session, verification: Verification, *, code_mac: bytes | None = None) -> None:
    """Replaces what is recorded of a verification."""
    session.merge(_row(verification, code_mac))


def _row(verification: Verification, code_mac: bytes | None) -> VerificationRow:
    return VerificationRow(
        verification_id=verification.verification_id,
        account_id=verification.account_id,
        method=verification.method,
        state=verification.state,
        reason=verification.reason,
        level=verification.level,
        doubts=" ".join(verification.doubts),
        tries_left=verification.tries_left,
        code_mac=code_mac,
        create_time=verification.create_time,
        expire_time=verification.expire_time,
        submit_time=verification.submit_time,
        decide_time=verification.decide_time,
    )


def _verification(row: VerificationRow) -> Verification:
    return Verification(
        verification_id=row.verification_id,
        account_id=row.account_id,
        method=Method(row.method),
        state=VerificationState(row.state),
        tries_left=row.tries_left,
        create_time=row.create_time,
        expire_time=row.expire_time,
        level=Level(row.level),
        reason=VerificationReason(row.reason) if row.reason else None,
        doubts=tuple(Doubt(doubt) for doubt in row.doubts.split()),
        submit_time=row.submit_time,
        decide_time=row.decide_time,
    )
