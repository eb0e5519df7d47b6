"""Entries of the blacklist that two persons admit from another instance of the same operator.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds exchanges, what they propose, and what was admitted."""
    op.create_table(
        "blacklist_exchange",
        sa.Column("exchange_id", sa.String(length=36), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proposer", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(length=128), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('PROPOSED', 'APPROVED')", name="ck_blacklist_exchange_state"),
        sa.CheckConstraint("length(origin) > 0", name="ck_blacklist_exchange_origin"),
        sa.CheckConstraint("length(proposer) > 0", name="ck_blacklist_exchange_proposer"),
        sa.CheckConstraint("approver <> proposer AND length(approver) > 0", name="ck_blacklist_exchange_second_person"),
        sa.CheckConstraint(
            "(state = 'APPROVED') = (approver IS NOT NULL) AND (approver IS NULL) = (approved_at IS NULL)",
            name="ck_blacklist_exchange_approved",
        ),
        sa.PrimaryKeyConstraint("exchange_id", name="pk_blacklist_exchange"),
        sa.UniqueConstraint("exchange_id", "approved_at", name="uq_blacklist_exchange_exchange_id_approved_at"),
    )
    op.create_table(
        "proposed_listing",
        sa.Column("exchange_id", sa.String(length=36), nullable=False),
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exchange_id"],
            ["blacklist_exchange.exchange_id"],
            name="fk_proposed_listing_exchange_id_blacklist_exchange",
        ),
        sa.PrimaryKeyConstraint("exchange_id", "entry_id", name="pk_proposed_listing"),
    )
    op.create_table(
        "admitted_listing",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("subject_digest", sa.String(length=32), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("exported_at", sa.BigInteger(), nullable=False),
        sa.Column("exchange_id", sa.String(length=36), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_here_at", sa.BigInteger(), nullable=True),
        sa.Column("revoker", sa.String(length=128), nullable=False),
        sa.Column("revoke_reasons", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exchange_id", "approved_at"],
            ["blacklist_exchange.exchange_id", "blacklist_exchange.approved_at"],
            name="fk_admitted_listing_exchange_id_approved_at_blacklist_exchange",
        ),
        sa.CheckConstraint("end_at > start_at", name="ck_admitted_listing_term"),
        sa.CheckConstraint("length(origin) > 0", name="ck_admitted_listing_origin"),
        sa.CheckConstraint(
            "(revoked_here_at IS NULL AND revoker = '' AND revoke_reasons = '')"
            " OR (revoked_here_at IS NOT NULL AND length(revoker) > 0 AND length(trim(revoke_reasons)) > 0)",
            name="ck_admitted_listing_revoked_here",
        ),
        sa.PrimaryKeyConstraint("entry_id", "origin", name="pk_admitted_listing"),
    )
    op.create_index("ix_admitted_listing_subject_digest", "admitted_listing", ["subject_digest"])
