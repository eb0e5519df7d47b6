"""Second looks at decided appeals, and what the figures of a period are read by.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the table and the indexes."""
    op.create_table(
        "blind_review",
        sa.Column("review_id", sa.String(length=36), nullable=False),
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("first_reviewer", sa.String(length=128), nullable=False),
        sa.Column("issuer", sa.String(length=128), nullable=False),
        sa.Column("approver", sa.String(length=128), nullable=False),
        sa.Column("drawn_at", sa.BigInteger(), nullable=False),
        sa.Column("reviewer", sa.String(length=128), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(reviewer IS NULL) = (taken_at IS NULL)", name="ck_blind_review_taken"),
        sa.CheckConstraint(
            "reviewer <> first_reviewer AND reviewer <> issuer AND reviewer <> approver",
            name="ck_blind_review_other_person",
        ),
        sa.CheckConstraint(
            "(recorded_at IS NULL AND outcome IS NULL AND reasons = '')"
            " OR (recorded_at IS NOT NULL AND reviewer IS NOT NULL AND length(trim(reasons)) > 0"
            " AND outcome IS NOT NULL AND outcome IN ('UPHELD', 'OVERTURNED', 'REMANDED', 'VARIED'))",
            name="ck_blind_review_recorded",
        ),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_blind_review_appeal_id_appeal"),
        sa.PrimaryKeyConstraint("review_id", name="pk_blind_review"),
        sa.UniqueConstraint("appeal_id", name="uq_blind_review_appeal_id"),
    )
    op.create_index("ix_blind_review_recorded_at_review_id", "blind_review", ["recorded_at", "review_id"])
    op.create_index("ix_sanction_start_at", "sanction", ["start_at"])
    op.create_index("ix_appeal_decided_at", "appeal", ["decided_at"])
