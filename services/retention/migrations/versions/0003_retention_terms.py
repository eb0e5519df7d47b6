"""How long the classes of records are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the table of terms."""
    op.create_table(
        "retention_terms",
        sa.Column("terms_id", sa.String(36), nullable=False),
        sa.Column("class_name", sa.String(8), nullable=False),
        sa.Column("floor_days", sa.Integer(), nullable=False),
        sa.Column("ceiling_days", sa.Integer(), nullable=False),
        sa.Column("proposer", sa.String(128), nullable=True),
        sa.Column("propose_time", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(128), nullable=True),
        sa.Column("approve_time", sa.BigInteger(), nullable=True),
        sa.Column("effective_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("terms_id", name="pk_retention_terms"),
        sa.CheckConstraint("class_name IN ('CHAT', 'AUDIT', 'REGISTER')", name="ck_retention_terms_class_known"),
        sa.CheckConstraint("approver <> proposer", name="ck_retention_terms_two_persons"),
        sa.CheckConstraint(
            "proposer IS NULL OR (approver IS NULL) = (effective_time IS NULL)",
            name="ck_retention_terms_approved_to_apply",
        ),
        sa.CheckConstraint(
            "effective_time > propose_time OR proposer IS NULL", name="ck_retention_terms_applies_forward"
        ),
        sa.CheckConstraint("ceiling_days >= floor_days + 2", name="ck_retention_terms_span_wide_enough"),
        sa.CheckConstraint("class_name <> 'CHAT' OR floor_days >= 184", name="ck_retention_terms_six_months_of_chat"),
    )
    op.create_index("ix_retention_terms_class_name_effective_time", "retention_terms", ["class_name", "effective_time"])
