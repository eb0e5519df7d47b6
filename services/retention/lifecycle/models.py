"""Tables of the lifecycle."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class TermsRow(RetentionTable, table=True):
    """Terms of a class. Without a proposer they are the policy pack's; otherwise two persons made them."""

    __tablename__ = "retention_terms"
    __table_args__ = (
        Index(None, "class_name", "effective_time"),
        CheckConstraint("class_name IN ('CHAT', 'AUDIT', 'REGISTER')", name="class_known"),
        CheckConstraint("approver <> proposer", name="two_persons"),
        CheckConstraint("proposer IS NULL OR (approver IS NULL) = (effective_time IS NULL)", name="approved_to_apply"),
        CheckConstraint("effective_time > propose_time OR proposer IS NULL", name="applies_forward"),
        CheckConstraint("ceiling_days >= floor_days + 2", name="span_wide_enough"),
        CheckConstraint("class_name <> 'CHAT' OR floor_days >= 184", name="six_months_of_chat"),
    )

    terms_id: str = Field(primary_key=True, sa_type=String(36))
    class_name: str = Field(sa_type=String(8))
    floor_days: int
    ceiling_days: int
    proposer: str | None = Field(default=None, sa_type=String(128))
    propose_time: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approve_time: datetime | None = Field(default=None, sa_type=Instant)
    effective_time: datetime | None = Field(default=None, sa_type=Instant)
