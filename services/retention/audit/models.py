"""Tables of the audit trail."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class AuditIndex(RetentionTable, table=True):
    """Where an audit record is. `body` is the record itself until a segment holds it."""

    __tablename__ = "audit_index"
    __table_args__ = (Index(None, "trace_id", "position"), Index(None, "subject", "position"))

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    audit_id: str = Field(sa_type=String(36), unique=True)
    trace_id: str = Field(sa_type=String(32))
    subject: str = Field(sa_type=String(44))
    event_time: datetime = Field(sa_type=Instant)
    receive_time: datetime = Field(sa_type=Instant)
    digest: bytes = Field(sa_type=LargeBinary)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)


class AuditPosition(RetentionTable, table=True):
    """How far a service has handed its records over, in an epoch of its change feed."""

    __tablename__ = "audit_position"

    service: str = Field(primary_key=True, sa_type=String(32))
    epoch: str = Field(primary_key=True, sa_type=String(36))
    sequence: int = Field(sa_type=BigInteger)
    audit_id: str = Field(sa_type=String(36))
