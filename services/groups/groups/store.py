"""Queries on groups and members: plain statements, because joining and leaving are what happens most."""

from collections.abc import Iterator, Mapping
from secrets import randbelow
from typing import Any

from sqlalchemy import Row, Table, delete, insert, select, update
from sqlmodel import Session

from chassis.pages import Page
from chassis.refusal import Refusal
from services.groups.decisions.domain import Role
from services.groups.groups import domain
from services.groups.groups.models import GroupRow, MemberRow

_GROUP: Table = GroupRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_MEMBER: Table = MemberRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_STREAMED = {"yield_per": 10_000}


def add_group(session: Session, group: domain.Group) -> None:
    """Keeps a new group with its owner as its first member."""
    connection = session.connection()
    connection.execute(
        insert(_GROUP),
        {
            "group_id": group.group_id,
            "code": group.code,
            "name": group.name,
            "group_class": group.group_class,
            "most_members": group.most_members,
            "open_to_readers": group.open_to_readers,
            "owner_account_id": group.owner_account_id,
            "create_time": group.create_time,
            "member_count": group.member_count,
        },
    )
    connection.execute(insert(_MEMBER), _values(owner_of(group)))


def owner_of(group: domain.Group) -> domain.Member:
    """The owner, who is in the group from its founding on."""
    return domain.Member(group.group_id, group.owner_account_id, Role.OWNER, group.create_time)


def unused_code(session: Session, digits: int) -> str:
    """A code that no group has, so many digits long."""
    while True:
        code = domain.code_of(randbelow(10 ** (digits - 1)), digits)
        if session.connection().execute(select(_GROUP.c.group_id).where(_GROUP.c.code == code)).first() is None:
            return code


def find(session: Session, group_id: str) -> domain.Group | None:
    """A group by its id; None if there is none."""
    row = session.connection().execute(select(_GROUP).where(_GROUP.c.group_id == group_id)).first()
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
    row = session.connection().execute(select(_GROUP).where(_GROUP.c.code == code)).first()
    if row is None:
        raise Refusal.not_found("group", code)
    return _group(row)


def find_member(session: Session, group_id: str, account_id: str) -> domain.Member | None:
    """An account in a group; None if it is not in it."""
    row = session.connection().execute(select(_MEMBER).where(*_is(group_id, account_id))).first()
    return _member(row) if row else None


def add_member(session: Session, member: domain.Member) -> None:
    """Takes an account in."""
    session.connection().execute(insert(_MEMBER), _values(member))
    _count(session, member.group_id, +1)


def remove_member(session: Session, member: domain.Member) -> None:
    """Lets an account go."""
    session.connection().execute(delete(_MEMBER).where(*_is(member.group_id, member.account_id)))
    _count(session, member.group_id, -1)


def set_role(session: Session, member: domain.Member) -> None:
    """Keeps a member's new role."""
    statement = update(_MEMBER).where(*_is(member.group_id, member.account_id)).values(role=member.role)
    session.connection().execute(statement)


def members(session: Session, group_id: str, page: Page) -> list[domain.Member]:
    """A page of members by account id, and one more if there is a further page."""
    query = select(_MEMBER).where(_MEMBER.c.group_id == group_id)
    if page.after:
        query = query.where(_MEMBER.c.account_id > page.after[0])
    rows = session.connection().execute(query.order_by(_MEMBER.c.account_id).limit(page.size + 1))
    return [_member(row) for row in rows]


def all_groups(session: Session) -> Iterator[domain.Group]:
    """Every group, a bounded number in memory at a time."""
    yield from map(_group, session.connection().execute(select(_GROUP), execution_options=_STREAMED))


def all_roles(session: Session) -> Iterator[tuple[str, str, Role]]:
    """Group, account and role of every member, a bounded number in memory at a time."""
    query = select(_MEMBER.c.group_id, _MEMBER.c.account_id, _MEMBER.c.role)
    for group_id, account_id, role in session.connection().execute(query, execution_options=_STREAMED):
        yield group_id, account_id, Role(role)


def _count(session: Session, group_id: str, change: int) -> None:
    statement = update(_GROUP).where(_GROUP.c.group_id == group_id)
    session.connection().execute(statement.values(member_count=_GROUP.c.member_count + change))


def _is(group_id: str, account_id: str) -> tuple[Any, Any]:
    return _MEMBER.c.group_id == group_id, _MEMBER.c.account_id == account_id


def _values(member: domain.Member) -> Mapping[str, Any]:
    return {
        "group_id": member.group_id,
        "account_id": member.account_id,
        "role": member.role,
        "join_time": member.join_time,
    }


def _group(row: Row[Any]) -> domain.Group:
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


def _member(row: Row[Any]) -> domain.Member:
    return domain.Member(row.group_id, row.account_id, Role(row.role), row.join_time)
