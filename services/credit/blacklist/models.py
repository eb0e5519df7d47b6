"""The table of the blacklist."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant
from services.credit.subjects import SubjectKind
from services.credit.tables import CreditTable, one_of


class BlacklistRow(CreditTable, table=True):
    """An entry, from the instant at which its sanction entered into force; always with an end."""

    __tablename__ = "blacklist_entry"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        one_of("subject_kind", SubjectKind),
        CheckConstraint("end_at > start_at", name="term"),
        UniqueConstraint("sanction_id"),
        Index(None, "subject_kind", "subject_id"),
    )

    entry_id: str = Field(primary_key=True, sa_type=String(36))
    subject_kind: str = Field(sa_type=String(16))
    subject_id: str = Field(sa_type=String(36))
    sanction_id: str = Field(sa_type=String(36))
    start_at: datetime = Field(sa_type=Instant)
    end_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
