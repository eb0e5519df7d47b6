"""The ledger. Rows are added; no code changes or removes one."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant
from services.credit.subjects import SubjectKind
from services.credit.tables import CreditTable, one_of


class LedgerRow(CreditTable, table=True):
    """An entry: the points of a sanction in force, or the taking back of such an entry by an appeal."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        # Points can only come from a sanction, from the instant at which it entered into force.
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        ForeignKeyConstraint(["overturned_entry_id"], ["ledger_entry.entry_id"]),
        ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"]),
        one_of("subject_kind", SubjectKind),
        CheckConstraint(
            "(kind = 'POINTS' AND points > 0 AND start_at IS NOT NULL AND end_at IS NOT NULL AND end_at > start_at"
            " AND overturned_entry_id IS NULL AND appeal_id IS NULL)"
            " OR (kind = 'OVERTURN' AND points = 0 AND start_at IS NULL AND end_at IS NULL"
            " AND overturned_entry_id IS NOT NULL AND appeal_id IS NOT NULL)",
            name="kind",
        ),
        UniqueConstraint("sanction_id", "kind"),
        UniqueConstraint("overturned_entry_id"),
        Index(None, "subject_kind", "subject_id", "entry_id"),
    )

    entry_id: str = Field(primary_key=True, sa_type=String(36))
    kind: str = Field(sa_type=String(16))
    subject_kind: str = Field(sa_type=String(16))
    subject_id: str = Field(sa_type=String(36))
    sanction_id: str = Field(sa_type=String(36))
    points: int
    start_at: datetime | None = Field(default=None, sa_type=Instant)
    end_at: datetime | None = Field(default=None, sa_type=Instant)
    overturned_entry_id: str | None = Field(default=None, sa_type=String(36))
    appeal_id: str | None = Field(default=None, sa_type=String(36))
    recorded_at: datetime = Field(sa_type=Instant)
