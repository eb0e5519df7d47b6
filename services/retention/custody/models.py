"""Tables of custody. Shares and secrets are in the key store, never here."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, text
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class CustodianRow(RetentionTable, table=True):
    """A custodian. That two persons took part, and that a slot has one holder, are constraints."""

    __tablename__ = "custodian"
    __table_args__ = (
        CheckConstraint("approver <> proposer", name="two_persons"),
        CheckConstraint("state IN ('PROPOSED', 'ACTIVE', 'REPLACED')", name="state_known"),
        CheckConstraint("(state = 'PROPOSED') = (approver IS NULL)", name="approved_to_hold"),
        CheckConstraint("(approver IS NULL) = (approve_time IS NULL)", name="approval_whole"),
        CheckConstraint("slot > 0", name="slot_known"),
        Index(
            "uq_custodian_slot_active",
            "slot",
            unique=True,
            sqlite_where=text("state = 'ACTIVE'"),
            postgresql_where=text("state = 'ACTIVE'"),
        ),
        Index(
            "uq_custodian_staff_id_active",
            "staff_id",
            unique=True,
            sqlite_where=text("state = 'ACTIVE'"),
            postgresql_where=text("state = 'ACTIVE'"),
        ),
    )

    custodian_id: str = Field(primary_key=True, sa_type=String(36))
    slot: int
    staff_id: str = Field(sa_type=String(128))
    public_key: bytes = Field(sa_type=LargeBinary)
    state: str = Field(sa_type=String(8))
    proposer: str = Field(sa_type=String(128))
    propose_time: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approve_time: datetime | None = Field(default=None, sa_type=Instant)
