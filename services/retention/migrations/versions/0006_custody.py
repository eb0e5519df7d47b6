"""Custody of keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ACTIVE = sa.text("state = 'ACTIVE'")


def upgrade() -> None:
    """Creates the table of custodians."""
    op.create_table(
        "custodian",
        sa.Column("custodian_id", sa.String(36), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.String(128), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("proposer", sa.String(128), nullable=False),
        sa.Column("propose_time", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(128), nullable=True),
        sa.Column("approve_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("custodian_id", name="pk_custodian"),
        sa.CheckConstraint("approver <> proposer", name="ck_custodian_two_persons"),
        sa.CheckConstraint("state IN ('PROPOSED', 'ACTIVE', 'REPLACED')", name="ck_custodian_state_known"),
        sa.CheckConstraint("(state = 'PROPOSED') = (approver IS NULL)", name="ck_custodian_approved_to_hold"),
        sa.CheckConstraint("(approver IS NULL) = (approve_time IS NULL)", name="ck_custodian_approval_whole"),
        sa.CheckConstraint("slot > 0", name="ck_custodian_slot_known"),
    )
    for column in ("slot", "staff_id"):
        op.create_index(
            f"uq_custodian_{column}_active",
            "custodian",
            [column],
            unique=True,
            sqlite_where=_ACTIVE,
            postgresql_where=_ACTIVE,
        )
