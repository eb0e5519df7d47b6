"""The first schema.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from chassis.db import base_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates all tables."""
    base_tables.create(op)
    _groups()
    _duty()
    _tip_offs()
    op.create_table(
        "projected_account",
        sa.Column("account_id", sa.String(36), primary_key=True),
        sa.Column("message", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "projected_standing",
        sa.Column("subject_key", sa.String(48), primary_key=True),
        sa.Column("message", sa.LargeBinary(), nullable=False),
    )


def _groups() -> None:
    op.create_table(
        "chat_group",
        sa.Column("group_id", sa.String(36), primary_key=True),
        sa.Column("code", sa.String(12), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("group_class", sa.String(64), nullable=False),
        sa.Column("most_members", sa.Integer(), nullable=False),
        sa.Column("open_to_readers", sa.Boolean(), nullable=False),
        sa.Column("owner_account_id", sa.String(36), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("member_count", sa.Integer(), nullable=False),
        sa.UniqueConstraint("code", name="uq_chat_group_code"),
        sa.CheckConstraint("member_count BETWEEN 1 AND most_members", name="ck_chat_group_members_within_cap"),
    )
    op.create_index("ix_chat_group_owner_account_id", "chat_group", ["owner_account_id"])
    op.create_table(
        "member",
        sa.Column("group_id", sa.String(36), primary_key=True),
        sa.Column("account_id", sa.String(36), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("join_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.group_id"], name="fk_member_group_id_chat_group"),
        sa.CheckConstraint("role IN ('OWNER', 'MANAGER', 'MEMBER')", name="ck_member_role"),
    )
    op.create_index("ix_member_account_id", "member", ["account_id"])
    op.create_index(
        "uq_member_owner",
        "member",
        ["group_id"],
        unique=True,
        sqlite_where=sa.text("role = 'OWNER'"),
        postgresql_where=sa.text("role = 'OWNER'"),
    )


def _duty() -> None:
    op.create_table(
        "duty",
        sa.Column("notice_id", sa.String(36), primary_key=True),
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.Column("owner_account_id", sa.String(36), nullable=False),
        sa.Column("duty", sa.String(500), nullable=False),
        sa.Column("tools", sa.String(200), nullable=False),
        sa.Column("serve_time", sa.BigInteger(), nullable=False),
        sa.Column("cure_end_time", sa.BigInteger(), nullable=False),
        sa.Column("cure_time", sa.BigInteger(), nullable=True),
        sa.Column("tools_lost_time", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["chat_group.group_id"], name="fk_duty_group_id_chat_group"),
        sa.CheckConstraint("tools <> ''", name="ck_duty_tools_given"),
        sa.CheckConstraint("duty <> ''", name="ck_duty_duty_named"),
        sa.CheckConstraint("cure_end_time > serve_time", name="ck_duty_time_given"),
        sa.CheckConstraint(
            "cure_time IS NULL OR (cure_time >= serve_time AND cure_time < cure_end_time)",
            name="ck_duty_cured_in_time",
        ),
        sa.CheckConstraint(
            "tools_lost_time IS NULL OR tools_lost_time < cure_end_time", name="ck_duty_tools_lost_in_time"
        ),
    )
    op.create_index("ix_duty_group_id_notice_id", "duty", ["group_id", "notice_id"])
    op.create_index("ix_duty_owner_account_id", "duty", ["owner_account_id"])


def _tip_offs() -> None:
    op.create_table(
        "tip_off",
        sa.Column("tip_off_id", sa.String(36), primary_key=True),
        sa.Column("reference_number", sa.String(16), nullable=False),
        sa.Column("tracking_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.Column("group_code", sa.String(12), nullable=False),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("category", sa.String(32), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("explanation", sa.LargeBinary(), nullable=False),
        sa.Column("excerpt", sa.LargeBinary(), nullable=False),
        sa.Column("evidence_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("observe_time", sa.BigInteger(), nullable=True),
        sa.Column("receive_time", sa.BigInteger(), nullable=False),
        sa.Column("due_time", sa.BigInteger(), nullable=False),
        sa.Column("triage_time", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("reasons", sa.LargeBinary(), nullable=True),
        sa.Column("sanction_ids", sa.String(740), nullable=False),
        sa.Column("decide_time", sa.BigInteger(), nullable=True),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("reply_time", sa.BigInteger(), nullable=True),
        sa.UniqueConstraint("reference_number", name="uq_tip_off_reference_number"),
        sa.UniqueConstraint("tracking_hash", name="uq_tip_off_tracking_hash"),
        sa.CheckConstraint(
            "category IN ('FRAUD', 'HARASSMENT', 'HATE_OR_VIOLENCE', 'MINORS', 'PRIVACY', 'ILLEGAL_GOODS', "
            "'INTELLECTUAL_PROPERTY', 'SPAM', 'IMPERSONATION', 'SELF_HARM', 'OTHER')",
            name="ck_tip_off_category",
        ),
        sa.CheckConstraint(
            "outcome IN ('ACTION_TAKEN', 'NO_ACTION', 'OUT_OF_SCOPE', 'INSUFFICIENT')", name="ck_tip_off_outcome"
        ),
        sa.CheckConstraint("(account_id = '') <> (group_id = '')", name="ck_tip_off_one_target"),
        sa.CheckConstraint("due_time > receive_time", name="ck_tip_off_time_to_answer"),
        sa.CheckConstraint("decide_time IS NULL OR triage_time IS NOT NULL", name="ck_tip_off_triaged_first"),
        sa.CheckConstraint("reply_time IS NULL OR decide_time IS NOT NULL", name="ck_tip_off_decided_first"),
        sa.CheckConstraint("(decide_time IS NULL) = (outcome IS NULL)", name="ck_tip_off_outcome_decided"),
        sa.CheckConstraint("(decide_time IS NULL) = (reasons IS NULL)", name="ck_tip_off_reasons_decided"),
        sa.CheckConstraint("(reply_time IS NULL) = (reply IS NULL)", name="ck_tip_off_reply_sent"),
    )
    op.create_index("ix_tip_off_due_time_tip_off_id", "tip_off", ["due_time", "tip_off_id"])
