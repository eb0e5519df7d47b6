"""Purges, and what they took."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Creates the tables of purges."""
    op.create_table(
        "purge",
        sa.Column("purge_id", sa.String(36), nullable=False),
        sa.Column("class_name", sa.String(8), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("terms_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("plan_time", sa.BigInteger(), nullable=False),
        sa.Column("segments", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("kept_segments", sa.BigInteger(), nullable=False),
        sa.Column("hold_ids", sa.Text(), nullable=False),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("log_root", sa.LargeBinary(), nullable=False),
        sa.Column("keys_destroy_time", sa.BigInteger(), nullable=True),
        sa.Column("bytes_freed", sa.BigInteger(), nullable=False),
        sa.Column("certify_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("purge_id", name="pk_purge"),
        sa.ForeignKeyConstraint(["terms_id"], ["retention_terms.terms_id"], name="fk_purge_terms_id_retention_terms"),
        sa.CheckConstraint(
            "state IN ('PLANNED', 'KEYS_DESTROYED', 'FILES_DELETED', 'CERTIFIED')", name="ck_purge_state_known"
        ),
        sa.CheckConstraint("class_name IN ('CHAT', 'AUDIT', 'REGISTER')", name="ck_purge_class_known"),
        sa.CheckConstraint("(state = 'PLANNED') = (keys_destroy_time IS NULL)", name="ck_purge_keys_first"),
        sa.CheckConstraint("(state = 'CERTIFIED') = (certify_time IS NOT NULL)", name="ck_purge_certificate_last"),
    )
    op.create_index("ix_purge_class_name_day", "purge", ["class_name", "day"])
    op.create_index("ix_purge_state", "purge", ["state"])
    op.create_table(
        "clock_pulse",
        sa.Column("singleton", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("steady_since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("singleton", name="pk_clock_pulse"),
        sa.CheckConstraint("singleton = 1", name="ck_clock_pulse_one_row"),
    )
    op.add_column("segment", sa.Column("purge_id", sa.String(36), nullable=True))
    op.create_index("ix_segment_purge_id", "segment", ["purge_id"])
