"""Tables of access."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class AccessRow(RetentionTable, table=True):
    """An access. That two persons took part is a constraint; `end_registered`: its expiry is in the register."""

    __tablename__ = "access"
    __table_args__ = (
        CheckConstraint("approver <> requester", name="two_persons"),
        CheckConstraint("(approver IS NULL) = (approve_time IS NULL)", name="approval_whole"),
        CheckConstraint("reads = 0 OR approver IS NOT NULL", name="read_after_approval"),
        CheckConstraint("reads BETWEEN 0 AND most_reads", name="reads_within_bound"),
        CheckConstraint("window_seconds > 0", name="window_has_length"),
        CheckConstraint("end_time > start_time", name="interval_in_order"),
        Index(None, "end_registered", "expire_time"),
    )

    access_id: str = Field(primary_key=True, sa_type=String(36))
    case_id: str = Field(sa_type=String(64))
    legal_basis: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)
    start_time: datetime = Field(sa_type=Instant)
    end_time: datetime = Field(sa_type=Instant)
    window_seconds: int = Field(sa_type=BigInteger)
    most_reads: int
    reads: int
    requester: str = Field(sa_type=String(128))
    request_time: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approve_time: datetime | None = Field(default=None, sa_type=Instant)
    close_time: datetime | None = Field(default=None, sa_type=Instant)
    expire_time: datetime | None = Field(default=None, sa_type=Instant)
    end_registered: bool = False


class AccessGroup(RetentionTable, table=True):
    """A group that an access opens."""

    __tablename__ = "access_group"

    access_id: str = Field(primary_key=True, sa_type=String(36), foreign_key="access.access_id")
    group_id: str = Field(primary_key=True, sa_type=String(36))
