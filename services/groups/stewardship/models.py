"""The table of duties."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String
from sqlmodel import Field

from chassis.db.types import Instant
from services.groups.tables import GroupsTable


class DutyRow(GroupsTable, table=True):
    """A notice and its cure. Without tools or without time there is no notice; a late cure is none."""

    __tablename__ = "duty"
    __table_args__ = (
        CheckConstraint("tools <> ''", name="tools_given"),
        CheckConstraint("duty <> ''", name="duty_named"),
        CheckConstraint("cure_end_time > serve_time", name="time_given"),
        CheckConstraint(
            "cure_time IS NULL OR (cure_time >= serve_time AND cure_time < cure_end_time)", name="cured_in_time"
        ),
        CheckConstraint("tools_lost_time IS NULL OR tools_lost_time < cure_end_time", name="tools_lost_in_time"),
        ForeignKeyConstraint(["group_id"], ["chat_group.group_id"]),
        Index(None, "group_id", "notice_id"),
        Index(None, "owner_account_id"),
    )

    notice_id: str = Field(primary_key=True, sa_type=String(36))
    group_id: str = Field(sa_type=String(36))
    owner_account_id: str = Field(sa_type=String(36))
    duty: str = Field(sa_type=String(500))
    tools: str = Field(sa_type=String(200))
    serve_time: datetime = Field(sa_type=Instant)
    cure_end_time: datetime = Field(sa_type=Instant)
    cure_time: datetime | None = Field(default=None, sa_type=Instant)
    tools_lost_time: datetime | None = Field(default=None, sa_type=Instant)
