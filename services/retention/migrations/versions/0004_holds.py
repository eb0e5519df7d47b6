"""Legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates the tables of holds."""
    op.create_table(
        "hold",
        sa.Column("hold_id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger(), nullable=False),
        sa.Column("participant", sa.String(36), nullable=True),
        sa.Column("review_time", sa.BigInteger(), nullable=False),
        sa.Column("place_time", sa.BigInteger(), nullable=False),
        sa.Column("proposer", sa.String(128), nullable=False),
        sa.Column("pending", sa.String(16), nullable=True),
        sa.Column("pending_review_time", sa.BigInteger(), nullable=True),
        sa.Column("approver", sa.String(128), nullable=True),
        sa.Column("release_time", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name="pk_hold"),
        sa.CheckConstraint("approver <> proposer OR pending IS NOT NULL", name="ck_hold_two_persons"),
        sa.CheckConstraint("pending IN ('PLACING', 'RELEASE', 'PROLONGING')", name="ck_hold_pending_known"),
        sa.CheckConstraint(
            "(pending = 'PROLONGING') = (pending_review_time IS NOT NULL)", name="ck_hold_prolonging_whole"
        ),
        sa.CheckConstraint(
            "approver IS NOT NULL OR (pending IS NOT NULL AND pending = 'PLACING')", name="ck_hold_approved_or_placed"
        ),
        sa.CheckConstraint("release_time IS NULL OR approver IS NOT NULL", name="ck_hold_released_by_two"),
        sa.CheckConstraint("end_time > start_time", name="ck_hold_interval_in_order"),
        sa.CheckConstraint("review_time > place_time", name="ck_hold_review_ahead"),
    )
    op.create_index("ix_hold_ended_hold_id", "hold", ["ended", "hold_id"])
    op.create_table(
        "hold_group",
        sa.Column("hold_id", sa.String(36), nullable=False),
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "group_id", name="pk_hold_group"),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.hold_id"], name="fk_hold_group_hold_id_hold"),
    )
