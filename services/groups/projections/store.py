"""Queries on what identity and credit have said."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, text
from sqlmodel import Session, col, delete, select

from chassis.db import Unit
from ombud.credit.v1.standing_service_pb2 import DefaultEntitlements, SubjectEntitlements
from ombud.identity.v1.account_service_pb2 import Account
from services.groups.decisions import domain
from services.groups.projections import wire
from services.groups.projections.models import HeardFeed, ProjectedAccount, ProjectedStanding

_AT_ONCE = 10_000
_DEFAULT, _HELD = "default", "default held back"
# One statement that SQLite and PostgreSQL both know; a merge would ask first, and flush before it asks.
_KEEP_ACCOUNT = text(
    "INSERT INTO projected_account (account_id, message) VALUES (:key, :message)"
    " ON CONFLICT (account_id) DO UPDATE SET message = excluded.message"
)
_KEEP_STANDING = text(
    "INSERT INTO projected_standing (subject_key, message) VALUES (:key, :message)"
    " ON CONFLICT (subject_key) DO UPDATE SET message = excluded.message"
)


def keep_account(unit: Unit, message: Account) -> None:
    """Replaces what is known of an account."""
    unit.store(_KEEP_ACCOUNT, key=message.account_id, message=message.SerializeToString())


def keep_standing(unit: Unit, message: SubjectEntitlements) -> None:
    """Replaces what is known of a subject's standing."""
    unit.store(_KEEP_STANDING, key=wire.subject_key(message.subject), message=message.SerializeToString())


def keep_default(unit: Unit, message: DefaultEntitlements) -> None:
    """Replaces the entitlements of accounts without a standing of their own."""
    unit.store(_KEEP_STANDING, key=_DEFAULT, message=message.SerializeToString())


def hold_default(unit: Unit, message: DefaultEntitlements) -> None:
    """Keeps entitlements by default that do not count yet."""
    unit.store(_KEEP_STANDING, key=_HELD, message=message.SerializeToString())


def held_default(session: Session) -> DefaultEntitlements | None:
    """The entitlements by default that do not count yet; None if there are none."""
    return _defaults(session, _HELD)


def default(session: Session) -> DefaultEntitlements | None:
    """The entitlements of accounts without a standing of their own; None if nothing is known of them."""
    return _defaults(session, _DEFAULT)


def keep_heard(unit: Unit, at: datetime, *, feed: str) -> None:
    """Notes that a feed has told all up to an instant."""
    unit.session.merge(HeardFeed(feed=feed, time=at))


def heard(session: Session) -> datetime | None:
    """Up to when all feeds that were ever heard have told all; None if none was."""
    return session.exec(select(func.min(HeardFeed.time))).one()


def all_accounts(session: Session) -> Iterator[Account]:
    """What is known of every account, a bounded number in memory at a time."""
    query = select(ProjectedAccount.message).execution_options(yield_per=_AT_ONCE)
    yield from map(Account.FromString, session.exec(query))


def all_standings(session: Session) -> Iterator[SubjectEntitlements]:
    """The standing of every subject that has one of its own, a bounded number in memory at a time."""
    query = select(ProjectedStanding.message).where(col(ProjectedStanding.subject_key).not_in([_DEFAULT, _HELD]))
    yield from map(SubjectEntitlements.FromString, session.exec(query.execution_options(yield_per=_AT_ONCE)))


def drop_accounts(session: Session) -> None:
    """Forgets all accounts."""
    session.exec(delete(ProjectedAccount))


def drop_standings(session: Session) -> None:
    """Forgets all standings."""
    session.exec(delete(ProjectedStanding))


def account(session: Session, account_id: str) -> domain.Account | None:
    """What is known of an account; None if nothing."""
    query = select(ProjectedAccount.message).where(col(ProjectedAccount.account_id) == account_id)
    message = session.exec(query).first()
    return wire.account(Account.FromString(message)) if message is not None else None


def group_standing(session: Session, group_id: str) -> domain.Standing:
    """A group's standing; without restrictions if credit has told nothing."""
    query = select(ProjectedStanding.message).where(col(ProjectedStanding.subject_key) == f"group/{group_id}")
    message = session.exec(query).first()
    return wire.standing(SubjectEntitlements.FromString(message)) if message is not None else domain.NO_STANDING


def _defaults(session: Session, key: str) -> DefaultEntitlements | None:
    message = session.exec(select(ProjectedStanding.message).where(col(ProjectedStanding.subject_key) == key)).first()
    return DefaultEntitlements.FromString(message) if message is not None else None
