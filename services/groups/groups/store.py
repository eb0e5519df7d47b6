"""Queries on groups and members."""

from secrets import randbelow

from sqlmodel import Session, col, func, select

from chassis.pages import Page
from chassis.refusal import Refusal
from services.groups.decisions.domain import Role
from services.groups.groups import domain
from services.groups.groups.models import GroupRow, MemberRow


def add_group(session: Session, group: domain.Group) -> None:
    """Keeps a new group with its owner as its first member."""
    session.add(
        GroupRow(
            group_id=group.group_id,
            code=group.code,
            name=group.name,
            group_class=group.group_class,
            most_members=group.most_members,
            open_to_readers=group.open_to_readers,
            owner_account_id=group.owner_account_id,
            create_time=group.create_time,
            member_count=group.member_count,
        )
    )
    session.flush()
    session.add(_member_row(owner_of(group)))


def owner_of(group: domain.Group) -> domain.Member:
    """The owner, who is in the group from its founding on."""
    return domain.Member(group.group_id, group.owner_account_id, Role.OWNER, group.create_time)


def unused_code(session: Session, digits: int) -> str:
    """A code that no group has, so many digits long."""
    while True:
        code = domain.code_of(randbelow(10 ** (digits - 1)), digits)
        if session.exec(select(GroupRow.group_id).where(GroupRow.code == code)).first() is None:
            return code


def find(session: Session, group_id: str) -> domain.Group | None:
    """A group by its id; None if there is none."""
    row = session.get(GroupRow, group_id)
    return _group(row) if row else None


def get(session: Session, group_id: str) -> domain.Group:
    """A group by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    group = find(session, group_id)
    if group is None:
        raise Refusal.not_found("group", group_id)
    return group


def get_by_code(session: Session, code: str) -> domain.Group:
    """A group by its code.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.exec(select(GroupRow).where(GroupRow.code == code)).first()
    if row is None:
        raise Refusal.not_found("group", code)
    return _group(row)


def find_member(session: Session, group_id: str, account_id: str) -> domain.Member | None:
    """An account in a group; None if it is not in it."""
    row = session.get(MemberRow, (group_id, account_id))
    return _member(row) if row else None


def add_member(session: Session, member: domain.Member) -> None:
    """Takes an account in."""
    session.add(_member_row(member))
    _count(session, member.group_id, +1)


def remove_member(session: Session, member: domain.Member) -> None:
    """Lets an account go."""
    session.delete(session.get_one(MemberRow, (member.group_id, member.account_id)))
    _count(session, member.group_id, -1)


def set_role(session: Session, member: domain.Member) -> None:
    """Keeps a member's new role."""
    session.get_one(MemberRow, (member.group_id, member.account_id)).role = member.role


def members(session: Session, group_id: str, page: Page) -> list[domain.Member]:
    """A page of members by account id, and one more if there is a further page."""
    query = select(MemberRow).where(MemberRow.group_id == group_id)
    if page.after:
        query = query.where(col(MemberRow.account_id) > page.after[0])
    rows = session.exec(query.order_by(col(MemberRow.account_id)).limit(page.size + 1))
    return [_member(row) for row in rows]


def owned(session: Session, account_id: str) -> int:
    """How many groups an account owns."""
    return session.exec(select(func.count()).select_from(GroupRow).where(GroupRow.owner_account_id == account_id)).one()


def joined(session: Session, account_id: str) -> int:
    """How many groups an account is in."""
    return session.exec(select(func.count()).select_from(MemberRow).where(MemberRow.account_id == account_id)).one()


def _count(session: Session, group_id: str, change: int) -> None:
    session.get_one(GroupRow, group_id).member_count += change
    session.flush()


def _member_row(member: domain.Member) -> MemberRow:
    return MemberRow(
        group_id=member.group_id, account_id=member.account_id, role=member.role, join_time=member.join_time
    )


def _group(row: GroupRow) -> domain.Group:
    return domain.Group(
        group_id=row.group_id,
        code=row.code,
        name=row.name,
        group_class=row.group_class,
        most_members=row.most_members,
        open_to_readers=row.open_to_readers,
        owner_account_id=row.owner_account_id,
        create_time=row.create_time,
        member_count=row.member_count,
    )


def _member(row: MemberRow) -> domain.Member:
    return domain.Member(row.group_id, row.account_id, Role(row.role), row.join_time)
