"""The tables of verifications and slots."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.identity.accounts.domain import Level, Method
from services.identity.tables import IdentityTable
from services.identity.verifications.domain import SlotClass, VerificationReason, VerificationState


class VerificationRow(IdentityTable, table=True):
    """A verification. Its evidence lies in the vault; of a code there is only a keyed hash, while it is awaited."""

    __tablename__: ClassVar[str] = "verification"
    __table_args__ = (
        one_of("method", Method),
        one_of("state", VerificationState),
        one_of("reason", VerificationReason),
        one_of("level", Level),
        CheckConstraint("tries_left >= 0", name="tries_left"),
        Index("ix_verification_account_id", "account_id", "create_time"),
        Index("ix_verification_state", "state", "verification_id"),
    )

    verification_id: str = Field(primary_key=True, sa_type=String(36))
    account_id: str = Field(sa_type=String(36), foreign_key="account.account_id")
    method: str
    state: str
    reason: str | None = None
    level: str
    doubts: str
    tries_left: int
    code_mac: bytes | None = Field(default=None, sa_type=LargeBinary)
    create_time: datetime = Field(sa_type=Instant)
    expire_time: datetime = Field(sa_type=Instant)
    submit_time: datetime | None = Field(default=None, sa_type=Instant)
    decide_time: datetime | None = Field(default=None, sa_type=Instant)


class SlotRow(IdentityTable, table=True):
    """One of the few places that a holder or a telephone has for accounts.

    The tag is HMAC(type, country, number, place): a copy of the table does not show which accounts share a holder,
    and the primary key holds the cap whoever writes.
    """

    __tablename__: ClassVar[str] = "slot"
    __table_args__ = (one_of("slot_class", SlotClass), UniqueConstraint("account_id", "slot_class"))

    tag: bytes = Field(primary_key=True, sa_type=LargeBinary)
    account_id: str = Field(sa_type=String(36), foreign_key="account.account_id")
    slot_class: str
