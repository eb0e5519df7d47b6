"""The ledger. Rows are added; no code changes or removes one."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.credit.subjects import SubjectKind
from services.credit.tables import CreditTable


class LedgerRow(CreditTable, table=True):
    """An entry: the points of a sanction in force, what relieves them, or their taking back by an appeal.

    A relief starts with its record and ends with the points that it relieves: rows that say otherwise can not exist.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        # Points can only come from a sanction, from the instant at which it entered into force.
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        ForeignKeyConstraint(["overturned_entry_id"], ["ledger_entry.entry_id"]),
        ForeignKeyConstraint(
            ["relieved_entry_id", "sanction_id", "end_at"],
            ["ledger_entry.entry_id", "ledger_entry.sanction_id", "ledger_entry.end_at"],
            name="fk_ledger_entry_relieved",
        ),
        ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"]),
        one_of("subject_kind", SubjectKind),
        CheckConstraint(
            "(kind = 'POINTS' AND points > 0 AND start_at IS NOT NULL AND end_at IS NOT NULL AND end_at > start_at"
            " AND overturned_entry_id IS NULL AND appeal_id IS NULL AND relieved_entry_id IS NULL)"
            " OR (kind = 'OVERTURN' AND points = 0 AND start_at IS NULL AND end_at IS NULL"
            " AND overturned_entry_id IS NOT NULL AND appeal_id IS NOT NULL AND relieved_entry_id IS NULL)"
            " OR (kind IN ('COURSE', 'CURE', 'VARIATION', 'LIFT') AND points > 0 AND start_at IS NULL"
            " AND end_at IS NOT NULL AND end_at > recorded_at AND relieved_entry_id IS NOT NULL"
            " AND overturned_entry_id IS NULL AND appeal_id IS NULL)",
            name="kind",
        ),
        # Points are won back by what can be proved, once.
        CheckConstraint("(kind IN ('COURSE', 'CURE')) = (proof_sha256 IS NOT NULL)", name="proof"),
        UniqueConstraint("subject_kind", "subject_id", "proof_sha256"),
        UniqueConstraint("sanction_id", "kind"),
        UniqueConstraint("overturned_entry_id"),
        # What a relief refers to.
        UniqueConstraint("entry_id", "sanction_id", "end_at"),
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
    relieved_entry_id: str | None = Field(default=None, sa_type=String(36))
    proof_sha256: str | None = Field(default=None, sa_type=String(64))
    recorded_at: datetime = Field(sa_type=Instant)
