"""Tables of holds."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class HoldRow(RetentionTable, table=True):
    """A hold. That two persons took part is a constraint; `ended`: the keys that it kept are destroyed."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(None, "ended", "hold_id"),
        CheckConstraint("approver <> proposer OR pending IS NOT NULL", name="two_persons"),
        CheckConstraint("pending IN ('PLACING', 'RELEASE', 'PROLONGING')", name="pending_known"),
        CheckConstraint("(pending = 'PROLONGING') = (pending_review_time IS NOT NULL)", name="prolonging_whole"),
        CheckConstraint(
            "approver IS NOT NULL OR (pending IS NOT NULL AND pending = 'PLACING')", name="approved_or_placed"
        ),
        CheckConstraint("release_time IS NULL OR approver IS NOT NULL", name="released_by_two"),
        CheckConstraint("end_time > start_time", name="interval_in_order"),
        CheckConstraint("review_time > place_time", name="review_ahead"),
    )

    hold_id: str = Field(primary_key=True, sa_type=String(36))
    case_id: str = Field(sa_type=String(64))
    legal_basis: str = Field(sa_type=Text)
    start_time: datetime = Field(sa_type=Instant)
    end_time: datetime = Field(sa_type=Instant)
    participant: str | None = Field(default=None, sa_type=String(36))
    review_time: datetime = Field(sa_type=Instant)
    place_time: datetime = Field(sa_type=Instant)
    proposer: str = Field(sa_type=String(128))
    pending: str | None = Field(default=None, sa_type=String(16))
    pending_review_time: datetime | None = Field(default=None, sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    release_time: datetime | None = Field(default=None, sa_type=Instant)
    ended: bool = False


class HoldGroup(RetentionTable, table=True):
    """A group whose records a hold keeps."""

    __tablename__ = "hold_group"

    hold_id: str = Field(primary_key=True, sa_type=String(36), foreign_key="hold.hold_id")
    group_id: str = Field(primary_key=True, sa_type=String(36))
