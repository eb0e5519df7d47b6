"""The tables of referrals, which stay on file for their term, and of the certificates that they leave."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.credit.referrals.domain import ReferralState
from services.credit.tables import CreditTable


class ReferralRow(CreditTable, table=True):
    """A referral of one sanction to one authority."""

    __tablename__ = "referral"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        one_of("state", ReferralState),
        CheckConstraint("length(trim(authority)) > 0", name="authority"),
        CheckConstraint("length(trim(legal_basis)) > 0", name="legal_basis"),
        CheckConstraint("length(fields) > 0", name="fields"),
        CheckConstraint("length(proposer) > 0", name="proposer"),
        CheckConstraint("approver <> proposer", name="second_person"),
        CheckConstraint(
            "state = 'PROPOSED' OR (approver IS NOT NULL AND length(approver) > 0 AND approved_at IS NOT NULL)",
            name="approved",
        ),
        CheckConstraint(
            "(state = 'CONCLUDED') = (outcome IS NOT NULL) AND (outcome IS NULL) = (outcome_at IS NULL)",
            name="outcome",
        ),
        CheckConstraint("kept_until > proposed_at AND kept_until > coalesce(notify_at, proposed_at)", name="kept"),
        Index(None, "sanction_id"),
        Index(None, "kept_until"),
    )

    referral_id: str = Field(primary_key=True, sa_type=String(36))
    sanction_id: str = Field(sa_type=String(36))
    authority: str = Field(sa_type=Text)
    legal_basis: str = Field(sa_type=Text)
    fields: str = Field(sa_type=Text)
    state: str = Field(sa_type=String(16))
    proposer: str = Field(sa_type=String(128))
    proposed_at: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = Field(default=None, sa_type=String(16))
    reference: str = Field(default="", sa_type=Text)
    outcome_at: datetime | None = Field(default=None, sa_type=Instant)
    correction_at: datetime | None = Field(default=None, sa_type=Instant)
    notify_at: datetime | None = Field(default=None, sa_type=Instant)
    kept_until: datetime = Field(sa_type=Instant)


class ReferralCertificateRow(CreditTable, table=True):
    """That a referral was destroyed; nothing of what it said or of whom it concerned."""

    __tablename__ = "referral_certificate"
    __table_args__ = (
        CheckConstraint("destroyed_at >= kept_until", name="term"),
        CheckConstraint("length(record_sha256) = 64", name="record_sha256"),
    )

    referral_id: str = Field(primary_key=True, sa_type=String(36))
    record_sha256: str = Field(sa_type=String(64))
    kept_until: datetime = Field(sa_type=Instant)
    destroyed_at: datetime = Field(sa_type=Instant)
    approved_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str | None = Field(default=None, sa_type=String(16))
    outcome_at: datetime | None = Field(default=None, sa_type=Instant)
