"""Queries on custody."""

from datetime import datetime

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.retention.access import domain as access_rules
from services.retention.access import store as accesses
from services.retention.access.domain import Access
from services.retention.access.models import AccessRow
from services.retention.custody.domain import Custodianship, State
from services.retention.custody.models import CustodianRow


def save(session: Session, custodian: Custodianship) -> None:
    """Keeps a custodian as it stands."""
    session.merge(
        CustodianRow(
            custodian_id=custodian.custodian_id,
            slot=custodian.slot,
            staff_id=custodian.staff_id,
            public_key=custodian.public_key,
            state=custodian.state.value,
            proposer=custodian.proposer,
            propose_time=custodian.propose_time,
            approver=custodian.approver,
            approve_time=custodian.approve_time,
        )
    )
    session.flush()


def get(session: Session, custodian_id: str) -> Custodianship:
    """A custodian.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(CustodianRow, custodian_id.lower())
    if row is None:
        raise Refusal.not_found("custodian", custodian_id)
    return _custodian(row)


def active(session: Session) -> list[Custodianship]:
    """The custodians who hold slots, by slot."""
    query = select(CustodianRow).where(CustodianRow.state == State.ACTIVE.value).order_by(col(CustodianRow.slot))
    return [_custodian(row) for row in session.exec(query)]


def current(session: Session, *, after: str, limit: int) -> list[Custodianship]:
    """The custodians after an id that hold slots or are proposed for them, oldest first."""
    query = (
        select(CustodianRow)
        .where(CustodianRow.state != State.REPLACED.value, col(CustodianRow.custodian_id) > after)
        .order_by(col(CustodianRow.custodian_id))
        .limit(limit)
    )
    return [_custodian(row) for row in session.exec(query)]


def open_accesses(session: Session, at: datetime) -> list[Access]:
    """The accesses that are open at an instant."""
    query = select(AccessRow.access_id).where(
        col(AccessRow.end_registered).is_(False), col(AccessRow.expire_time) > at, col(AccessRow.close_time).is_(None)
    )
    found = [accesses.get(session, access_id) for access_id in session.exec(query.order_by(col(AccessRow.access_id)))]
    return [access for access in found if access.state(at) is access_rules.State.OPEN]


def has_ended(session: Session, access_id: str, at: datetime) -> bool:
    """Whether an access is over: its window has ended, or it was closed."""
    return accesses.get(session, access_id).state(at) in (access_rules.State.EXPIRED, access_rules.State.CLOSED)


def _custodian(row: CustodianRow) -> Custodianship:
    return Custodianship(
        custodian_id=row.custodian_id,
        slot=row.slot,
        staff_id=row.staff_id,
        public_key=row.public_key,
        proposer=row.proposer,
        propose_time=row.propose_time,
        state=State(row.state),
        approver=row.approver,
        approve_time=row.approve_time,
    )
