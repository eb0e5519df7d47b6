"""What was ordered to be put right, and was in time.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds the table, and the index that it refers to."""
    op.create_index("ix_measure_sanction_id_kind_end_at", "measure", ["sanction_id", "kind", "end_at"], unique=True)
    op.create_table(
        "rectification",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("recorder", sa.String(length=128), nullable=False),
        sa.Column("proof_sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("kind = 'RECTIFICATION_ORDERED'", name="ck_rectification_kind"),
        sa.CheckConstraint("recorded_at >= start_at AND recorded_at < due_at", name="ck_rectification_in_time"),
        sa.CheckConstraint("length(recorder) > 0", name="ck_rectification_person"),
        sa.CheckConstraint("length(proof_sha256) = 64", name="ck_rectification_proof"),
        sa.ForeignKeyConstraint(
            ["sanction_id", "start_at"],
            ["sanction.sanction_id", "sanction.start_at"],
            name="fk_rectification_sanction_id_start_at_sanction",
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id", "kind", "due_at"],
            ["measure.sanction_id", "measure.kind", "measure.end_at"],
            name="fk_rectification_measure",
        ),
        sa.PrimaryKeyConstraint("sanction_id", name="pk_rectification"),
    )
