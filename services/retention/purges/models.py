"""Tables of purges."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, String, Text
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class PurgeRow(RetentionTable, table=True):
    """The end of a day of one class. `hold_ids` are parted by commas."""

    __tablename__ = "purge"
    __table_args__ = (
        Index(None, "class_name", "day"),
        Index(None, "state"),
        CheckConstraint("state IN ('PLANNED', 'KEYS_DESTROYED', 'FILES_DELETED', 'CERTIFIED')", name="state_known"),
        CheckConstraint("class_name IN ('CHAT', 'AUDIT', 'REGISTER')", name="class_known"),
        CheckConstraint("(state = 'PLANNED') = (keys_destroy_time IS NULL)", name="keys_first"),
        CheckConstraint("(state = 'CERTIFIED') = (certify_time IS NOT NULL)", name="certificate_last"),
    )

    purge_id: str = Field(primary_key=True, sa_type=String(36))
    class_name: str = Field(sa_type=String(8))
    day: str = Field(sa_type=String(10))
    terms_id: str = Field(sa_type=String(36), foreign_key="retention_terms.terms_id")
    state: str = Field(sa_type=String(16))
    plan_time: datetime = Field(sa_type=Instant)
    segments: int = Field(sa_type=BigInteger)
    records: int = Field(sa_type=BigInteger)
    kept_segments: int = Field(sa_type=BigInteger)
    hold_ids: str = Field(sa_type=Text)
    log_size: int = Field(sa_type=BigInteger)
    log_root: bytes = Field(sa_type=LargeBinary)
    keys_destroy_time: datetime | None = Field(default=None, sa_type=Instant)
    bytes_freed: int = Field(sa_type=BigInteger)
    certify_time: datetime | None = Field(default=None, sa_type=Instant)


class ClockRow(RetentionTable, table=True):
    """One row: what the clock showed last, and since when it has gone on without a jump."""

    __tablename__ = "clock_pulse"
    __table_args__ = (CheckConstraint("singleton = 1", name="one_row"),)

    singleton: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    time: datetime = Field(sa_type=Instant)
    steady_since: datetime = Field(sa_type=Instant)
