"""Reporters can contest that nothing was done; tip-offs are counted as they come in.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds who decided, until when that can be contested, the table of contests, and the indexes of the intake."""
    op.add_column("tip_off", sa.Column("decider", sa.String(128), nullable=False, server_default=""))
    op.add_column("tip_off", sa.Column("contest_end", sa.BigInteger(), nullable=True))
    op.create_index("ix_tip_off_receive_time", "tip_off", ["receive_time"])
    op.create_index(
        "ix_tip_off_group_id_account_id_receive_time", "tip_off", ["group_id", "account_id", "receive_time"]
    )
    op.create_index("ix_tip_off_tip_off_id_decider", "tip_off", ["tip_off_id", "decider"], unique=True)
    op.create_table(
        "tip_off_contest",
        sa.Column("tip_off_id", sa.String(36), primary_key=True),
        sa.Column("first_decider", sa.String(128), nullable=False),
        sa.Column("contest_time", sa.BigInteger(), nullable=False),
        sa.Column("due_time", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("decider", sa.String(128), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("reasons", sa.LargeBinary(), nullable=True),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("sanction_ids", sa.String(740), nullable=False),
        sa.Column("decide_time", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tip_off_id", "first_decider"],
            ["tip_off.tip_off_id", "tip_off.decider"],
            name="fk_tip_off_contest_tip_off_id_first_decider_tip_off",
        ),
        sa.CheckConstraint(
            "outcome IN ('ACTION_TAKEN', 'NO_ACTION', 'OUT_OF_SCOPE', 'INSUFFICIENT')",
            name="ck_tip_off_contest_outcome",
        ),
        sa.CheckConstraint("due_time > contest_time", name="ck_tip_off_contest_time_to_answer"),
        sa.CheckConstraint("decider <> first_decider AND length(decider) > 0", name="ck_tip_off_contest_other_person"),
        sa.CheckConstraint(
            "(decide_time IS NULL) = (outcome IS NULL) AND (decide_time IS NULL) = (reasons IS NULL)"
            " AND (decide_time IS NULL) = (reply IS NULL) AND (decide_time IS NULL) = (decider IS NULL)",
            name="ck_tip_off_contest_decided_whole",
        ),
    )
    op.create_index("ix_tip_off_contest_decide_time", "tip_off_contest", ["decide_time"])
