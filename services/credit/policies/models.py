"""Tables of proposed and published policy packs. A publication is added; no code changes or removes one."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, String, Text, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant
from services.credit.tables import CreditTable


class PolicyProposalRow(CreditTable, table=True):
    """A pack that somebody proposed to publish, with what a simulation found."""

    __tablename__ = "policy_proposal"
    __table_args__ = (
        # What a publication refers to: matched once the second person is known.
        UniqueConstraint(
            "proposal_id", "content_hash", "effective_at", "approved_at", name="uq_policy_proposal_publication"
        ),
        CheckConstraint("length(proposer) > 0 AND (approver IS NULL OR length(approver) > 0)", name="persons"),
        CheckConstraint("approver <> proposer", name="second_person"),
        CheckConstraint("(approver IS NULL) = (approved_at IS NULL)", name="approved"),
        CheckConstraint("effective_at >= approved_at", name="not_retroactive"),
    )

    proposal_id: str = Field(primary_key=True, sa_type=String(36))
    policy_id: str = Field(sa_type=String(64))
    version: str = Field(sa_type=String(64))
    content_hash: str = Field(sa_type=String(64))
    title: str = Field(sa_type=Text)
    effective_at: datetime = Field(sa_type=Instant)
    document: str = Field(sa_type=Text)
    simulation: bytes = Field(sa_type=LargeBinary)
    proposer: str = Field(sa_type=String(128))
    proposed_at: datetime = Field(sa_type=Instant)
    approver: str | None = Field(default=None, sa_type=String(128))
    approved_at: datetime | None = Field(default=None, sa_type=Instant)


class PolicyRow(CreditTable, table=True):
    """That a version of a pack was taken up, and from when it is in force here."""

    __tablename__ = "policy"
    __table_args__ = (
        UniqueConstraint("policy_id", "version", "published_at"),
        # What two persons published is what one proposed and the other approved, from the date that both saw.
        ForeignKeyConstraint(
            ["proposal_id", "content_hash", "effective_at", "published_at"],
            [
                "policy_proposal.proposal_id",
                "policy_proposal.content_hash",
                "policy_proposal.effective_at",
                "policy_proposal.approved_at",
            ],
            name="fk_policy_proposal",
        ),
        Index(None, "effective_at"),
    )

    publication_id: str = Field(primary_key=True, sa_type=String(36))
    policy_id: str = Field(sa_type=String(64))
    version: str = Field(sa_type=String(64))
    content_hash: str = Field(sa_type=String(64))
    title: str = Field(sa_type=Text)
    effective_at: datetime = Field(sa_type=Instant)
    published_at: datetime = Field(sa_type=Instant)
    document: str = Field(sa_type=Text)
    proposal_id: str | None = Field(default=None, sa_type=String(36))


class RepublicationRow(CreditTable, table=True):
    """How far the accounts have been told what a publication entitles them to."""

    __tablename__ = "policy_republication"
    __table_args__ = (ForeignKeyConstraint(["publication_id"], ["policy.publication_id"]),)

    publication_id: str = Field(primary_key=True, sa_type=String(36))
    last_account_id: str = Field(default="", sa_type=String(36))
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
