"""Tables of groups and members."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, text
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.groups.decisions.domain import Role
from services.groups.tables import GroupsTable


class GroupRow(GroupsTable, table=True):
    """A group. The cap on its members is a constraint: no race and no slip of code gets past it."""

    __tablename__ = "chat_group"
    __table_args__ = (
        CheckConstraint("member_count BETWEEN 1 AND most_members", name="members_within_cap"),
        Index(None, "owner_account_id"),
    )

    group_id: str = Field(primary_key=True, sa_type=String(36))
    code: str = Field(sa_type=String(12), unique=True)
    name: str = Field(sa_type=String(64))
    group_class: str = Field(sa_type=String(64))
    most_members: int
    open_to_readers: bool
    owner_account_id: str = Field(sa_type=String(36))
    create_time: datetime = Field(sa_type=Instant)
    member_count: int


class MemberRow(GroupsTable, table=True):
    """An account in a group. Each group has one owner at most."""

    __tablename__ = "member"
    __table_args__ = (
        one_of("role", Role),
        ForeignKeyConstraint(["group_id"], ["chat_group.group_id"]),
        Index(
            "uq_member_owner",
            "group_id",
            unique=True,
            sqlite_where=text("role = 'OWNER'"),
            postgresql_where=text("role = 'OWNER'"),
        ),
        Index(None, "account_id"),
    )

    group_id: str = Field(primary_key=True, sa_type=String(36))
    account_id: str = Field(primary_key=True, sa_type=String(36))
    role: str = Field(sa_type=String(16))
    join_time: datetime = Field(sa_type=Instant)
