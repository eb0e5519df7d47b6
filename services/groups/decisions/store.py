"""What decisions rest on, from the database: one of them inside a transaction, or all for the memory."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlmodel import Session

from ombud.credit.v1.standing_service_pb2 import DefaultEntitlements, SubjectEntitlements
from ombud.groups.v1.change_pb2 import GroupsChange
from ombud.groups.v1.group_service_pb2 import Member, MemberRole
from ombud.identity.v1.account_service_pb2 import Account
from services.groups.decisions import domain
from services.groups.groups import store as groups
from services.groups.groups import wire as groups_wire
from services.groups.projections import store as projections
from services.groups.projections import wire

# One statement for all facts: it stands before every act of a member, and each statement costs more than its rows.
_SITUATION = text("""
    SELECT
        (SELECT message FROM projected_account WHERE account_id = :account_id) AS account,
        (SELECT message FROM projected_standing WHERE subject_key = :account_key) AS standing,
        (SELECT message FROM projected_standing WHERE subject_key = 'default') AS default_standing,
        (SELECT message FROM projected_standing WHERE subject_key = :group_key) AS group_standing,
        (SELECT count(*) FROM chat_group WHERE owner_account_id = :account_id) AS owned,
        (SELECT count(*) FROM member WHERE account_id = :account_id) AS joined,
        (SELECT role FROM member WHERE group_id = :group_id AND account_id = :account_id) AS role,
        chat_group.most_members, chat_group.member_count, chat_group.open_to_readers
    FROM (SELECT 1 AS one) AS asked LEFT JOIN chat_group ON chat_group.group_id = :group_id
""")


def situation(session: Session, account_id: str, group_id: str = "") -> domain.Situation:
    """All that a decision about the account, in the group if one is named, rests on."""
    found = (
        session.connection()
        .execute(
            _SITUATION,
            {
                "account_id": account_id,
                "account_key": f"account/{account_id}",
                "group_id": group_id,
                "group_key": f"group/{group_id}",
            },
        )
        .one()
    )
    default = _default(found.default_standing)
    group = None
    if found.most_members is not None:
        group = domain.Group(
            most_members=found.most_members,
            member_count=found.member_count,
            open_to_readers=bool(found.open_to_readers),
            standing=_standing(found.group_standing) or domain.NO_STANDING,
        )
    return domain.Situation(
        account_id=account_id,
        account=wire.account(Account.FromString(found.account)) if found.account is not None else None,
        # As in memory: without a default nothing is known for certain of anybody.
        standing=default and (_standing(found.standing) or default),
        owned=found.owned,
        joined=found.joined,
        group_id=group_id,
        group=group,
        role=domain.Role(found.role) if found.role else None,
    )


def everything(session: Session) -> Iterator[GroupsChange]:
    """All that decisions rest on, as the changes that would tell of it."""
    for group in groups.all_groups(session):
        yield GroupsChange(group=groups_wire.bare_group(group))
    for group_id, account_id, role in groups.all_roles(session):
        named = MemberRole.Value(f"MEMBER_ROLE_{role}")
        yield GroupsChange(member=Member(group_id=group_id, account_id=account_id, role=named))
    for account in projections.all_accounts(session):
        yield GroupsChange(account=account)
    for standing in projections.all_standings(session):
        yield GroupsChange(standing=standing)
    default = projections.default(session)
    if default is not None:
        yield GroupsChange(default_entitlements=default)


def _standing(message: bytes | None) -> domain.Standing | None:
    return None if message is None else wire.standing(SubjectEntitlements.FromString(message))


def _default(message: bytes | None) -> domain.Standing | None:
    return None if message is None else wire.default_standing(DefaultEntitlements.FromString(message))
