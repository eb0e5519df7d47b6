"""Queries on what identity and credit have said."""

from sqlmodel import Session, delete

from ombud.credit.v1.standing_service_pb2 import DefaultEntitlements, SubjectEntitlements
from ombud.identity.v1.account_service_pb2 import Account
from services.groups.decisions import domain
from services.groups.projections import wire
from services.groups.projections.models import ProjectedAccount, ProjectedStanding

_DEFAULT = "default"


def keep_account(session: Session, message: Account) -> None:
    """Replaces what is known of an account."""
    session.merge(ProjectedAccount(account_id=message.account_id, message=message.SerializeToString()))


def keep_standing(session: Session, message: SubjectEntitlements) -> None:
    """Replaces what is known of a subject's standing."""
    key = wire.subject_key(message.subject)
    session.merge(ProjectedStanding(subject_key=key, message=message.SerializeToString()))


def keep_default(session: Session, message: DefaultEntitlements) -> None:
    """Replaces the entitlements of accounts without a standing of their own."""
    session.merge(ProjectedStanding(subject_key=_DEFAULT, message=message.SerializeToString()))


def drop_accounts(session: Session) -> None:
    """Forgets all accounts."""
    session.exec(delete(ProjectedAccount))


def drop_standings(session: Session) -> None:
    """Forgets all standings."""
    session.exec(delete(ProjectedStanding))


def account(session: Session, account_id: str) -> domain.Account | None:
    """What is known of an account; None if nothing."""
    row = session.get(ProjectedAccount, account_id)
    return wire.account(Account.FromString(row.message)) if row else None


def account_standing(session: Session, account_id: str) -> domain.Standing | None:
    """An account's standing, its own or the default; None if credit has told neither."""
    if row := session.get(ProjectedStanding, f"account/{account_id}"):
        return wire.standing(SubjectEntitlements.FromString(row.message))
    default = session.get(ProjectedStanding, _DEFAULT)
    return wire.default_standing(DefaultEntitlements.FromString(default.message)) if default else None


def group_standing(session: Session, group_id: str) -> domain.Standing:
    """A group's standing; without restrictions if credit has told nothing."""
    row = session.get(ProjectedStanding, f"group/{group_id}")
    return wire.standing(SubjectEntitlements.FromString(row.message)) if row else domain.NO_STANDING
