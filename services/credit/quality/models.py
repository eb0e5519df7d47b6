"""The table of second looks."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant
from services.credit.tables import CreditTable


class BlindReviewRow(CreditTable, table=True):
    """A second look at an appeal; who had a part in the case is copied, so that a check can compare it."""

    __tablename__ = "blind_review"
    __table_args__ = (
        ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"]),
        UniqueConstraint("appeal_id"),
        CheckConstraint("(reviewer IS NULL) = (taken_at IS NULL)", name="taken"),
        CheckConstraint(
            "reviewer <> first_reviewer AND reviewer <> issuer AND reviewer <> approver", name="other_person"
        ),
        CheckConstraint(
            "(recorded_at IS NULL AND outcome IS NULL AND reasons = '')"
            " OR (recorded_at IS NOT NULL AND reviewer IS NOT NULL AND length(trim(reasons)) > 0"
            " AND outcome IS NOT NULL AND outcome IN ('UPHELD', 'OVERTURNED', 'REMANDED', 'VARIED'))",
            name="recorded",
        ),
        Index(None, "recorded_at", "review_id"),
    )

    review_id: str = Field(primary_key=True, sa_type=String(36))
    appeal_id: str = Field(sa_type=String(36))
    first_reviewer: str = Field(sa_type=String(128))
    issuer: str = Field(sa_type=String(128))
    approver: str = Field(sa_type=String(128))
    drawn_at: datetime = Field(sa_type=Instant)
    reviewer: str | None = Field(default=None, sa_type=String(128))
    taken_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = Field(default=None, sa_type=String(16))
    reasons: str = Field(default="", sa_type=Text)
    recorded_at: datetime | None = Field(default=None, sa_type=Instant)
