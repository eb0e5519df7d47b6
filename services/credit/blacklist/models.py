"""The tables of the blacklist: entries made here, and those that two persons admitted from another instance."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String, Text, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.credit.blacklist.exchange import ExchangeState
from services.credit.subjects import SubjectKind
from services.credit.tables import CreditTable


class BlacklistRow(CreditTable, table=True):
    """An entry, from the instant at which its sanction entered into force; always with an end."""

    __tablename__ = "blacklist_entry"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id", "start_at"], ["sanction.sanction_id", "sanction.start_at"]),
        one_of("subject_kind", SubjectKind),
        CheckConstraint("end_at > start_at", name="term"),
        CheckConstraint("register_again_at >= end_at", name="register_again"),
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
    register_again_at: datetime | None = Field(default=None, sa_type=Instant)


class ExchangeRow(CreditTable, table=True):
    """Entries of another instance that one person proposes to admit, part by part, and another approves together."""

    __tablename__ = "blacklist_exchange"
    __table_args__ = (
        one_of("state", ExchangeState),
        CheckConstraint("length(origin) > 0", name="origin"),
        CheckConstraint("length(proposer) > 0", name="proposer"),
        CheckConstraint("approver <> proposer AND length(approver) > 0", name="second_person"),
        CheckConstraint(
            "(state = 'APPROVED') = (approver IS NOT NULL) AND (approver IS NULL) = (approved_at IS NULL)",
            name="approved",
        ),
        # What admitted entries refer to.
        UniqueConstraint("exchange_id", "approved_at"),
    )

    exchange_id: str = Field(primary_key=True, sa_type=String(36))
    origin: str = Field(sa_type=String(64))
    state: str = Field(sa_type=String(16))
    proposer: str = Field(sa_type=String(128))
    proposed_at: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    parts: int = 1
    listings: int = 0
    admitted_new: int = 0
    admitted_changed: int = 0
    admitted_revoked: int = 0
    unchanged: int = 0
    refused: int = 0


class ProposedListingRow(CreditTable, table=True):
    """An entry of an exchange that waits for a second person, as the message that came."""

    __tablename__ = "proposed_listing"
    __table_args__ = (ForeignKeyConstraint(["exchange_id"], ["blacklist_exchange.exchange_id"]),)

    exchange_id: str = Field(primary_key=True, sa_type=String(36))
    entry_id: str = Field(primary_key=True, sa_type=String(36))
    message: bytes = Field(sa_type=LargeBinary)


class AdmittedListingRow(CreditTable, table=True):
    """An entry of another instance; none without an exchange that a second person approved."""

    __tablename__ = "admitted_listing"
    __table_args__ = (
        ForeignKeyConstraint(
            ["exchange_id", "approved_at"], ["blacklist_exchange.exchange_id", "blacklist_exchange.approved_at"]
        ),
        CheckConstraint("end_at > start_at", name="term"),
        CheckConstraint("register_again_at >= end_at", name="register_again"),
        CheckConstraint("length(origin) > 0", name="origin"),
        CheckConstraint(
            "(revoked_here_at IS NULL AND revoker = '' AND revoke_reasons = '')"
            " OR (revoked_here_at IS NOT NULL AND length(revoker) > 0 AND length(trim(revoke_reasons)) > 0)",
            name="revoked_here",
        ),
        Index(None, "subject_digest"),
    )

    entry_id: str = Field(primary_key=True, sa_type=String(36))
    origin: str = Field(primary_key=True, sa_type=String(64))
    subject_digest: str = Field(sa_type=String(32))
    sanction_id: str = Field(sa_type=String(36))
    start_at: datetime = Field(sa_type=Instant)
    end_at: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    exported_at: datetime = Field(sa_type=Instant)
    exchange_id: str = Field(sa_type=String(36))
    approved_at: datetime = Field(sa_type=Instant)
    revoked_here_at: datetime | None = Field(default=None, sa_type=Instant)
    revoker: str = Field(default="", sa_type=String(128))
    revoke_reasons: str = Field(default="", sa_type=Text)
    register_again_at: datetime | None = Field(default=None, sa_type=Instant)
