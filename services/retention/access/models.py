"""Tables of access."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, String, Text
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class AccessRow(RetentionTable, table=True):
    """An access. That two persons took part is a constraint."""

    __tablename__ = "access"
    __table_args__ = (
        CheckConstraint("approver <> requester", name="two_persons"),
        CheckConstraint("(approver IS NULL) = (approve_time IS NULL)", name="approval_whole"),
        CheckConstraint("reads = 0 OR approver IS NOT NULL", name="read_after_approval"),
        CheckConstraint("reads BETWEEN 0 AND most_reads", name="reads_within_bound"),
        CheckConstraint("window_seconds > 0", name="window_has_length"),
        CheckConstraint("end_time > start_time", name="interval_in_order"),
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


class AccessGroup(RetentionTable, table=True):
    """A group that an access opens."""

    __tablename__ = "access_group"

    access_id: str = Field(primary_key=True, sa_type=String(36), foreign_key="access.access_id")
    group_id: str = Field(primary_key=True, sa_type=String(36))


class AccessEventRow(RetentionTable, table=True):
    """An entry of the register: the statement that the log commits to, with its salt, and its leaf once it has one."""

    __tablename__ = "access_event"
    __table_args__ = (
        Index(None, "access_id", "position"),
        Index(None, "leaf_index"),
        CheckConstraint("kind IN ('REQUESTED', 'APPROVED', 'READ', 'CLOSED')", name="kind_known"),
    )

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event_id: str = Field(sa_type=String(36), unique=True)
    access_id: str = Field(sa_type=String(36), foreign_key="access.access_id")
    kind: str = Field(sa_type=String(16))
    time: datetime = Field(sa_type=Instant)
    salt: bytes = Field(sa_type=LargeBinary)
    statement: bytes = Field(sa_type=LargeBinary)
    leaf_index: int | None = Field(default=None, sa_type=BigInteger)
