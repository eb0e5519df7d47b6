"""Packs that two persons publish, and how far accounts have been told of one.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the proposals, what a publication owes to one, and the progress of telling accounts."""
    op.create_table(
        "policy_proposal",
        sa.Column("proposal_id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("simulation", sa.LargeBinary(), nullable=False),
        sa.Column("proposer", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(length=128), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "length(proposer) > 0 AND (approver IS NULL OR length(approver) > 0)", name="ck_policy_proposal_persons"
        ),
        sa.CheckConstraint("approver <> proposer", name="ck_policy_proposal_second_person"),
        sa.CheckConstraint("(approver IS NULL) = (approved_at IS NULL)", name="ck_policy_proposal_approved"),
        sa.CheckConstraint("effective_at >= approved_at", name="ck_policy_proposal_not_retroactive"),
        sa.PrimaryKeyConstraint("proposal_id", name="pk_policy_proposal"),
        sa.UniqueConstraint(
            "proposal_id",
            "content_hash",
            "effective_at",
            "approved_at",
            name="uq_policy_proposal_publication",
        ),
    )
    with op.batch_alter_table("policy") as policy:
        policy.add_column(sa.Column("proposal_id", sa.String(length=36), nullable=True))
        policy.create_foreign_key(
            "fk_policy_proposal",
            "policy_proposal",
            ["proposal_id", "content_hash", "effective_at", "published_at"],
            ["proposal_id", "content_hash", "effective_at", "approved_at"],
        )
    op.create_table(
        "policy_republication",
        sa.Column("publication_id", sa.String(length=36), nullable=False),
        sa.Column("last_account_id", sa.String(length=36), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["policy.publication_id"], name="fk_policy_republication_publication_id_policy"
        ),
        sa.PrimaryKeyConstraint("publication_id", name="pk_policy_republication"),
    )
