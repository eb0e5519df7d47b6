"""The first schema of the retention service."""

import sqlalchemy as sa
from alembic import op

from chassis.db import base_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates every table."""
    base_tables.create(op)
    _create_log()
    _create_catalogue()
    _create_audit()
    _create_access()


def _create_log() -> None:
    op.create_table(
        "log_head",
        sa.Column("singleton", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("singleton", name="pk_log_head"),
        sa.CheckConstraint("singleton = 1", name="ck_log_head_one_row"),
    )
    op.create_table(
        "log_leaf",
        sa.Column("leaf_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name="pk_log_leaf"),
    )


def _create_catalogue() -> None:
    op.create_table(
        "segment",
        sa.Column("segment_id", sa.String(36), nullable=False),
        sa.Column("record_class", sa.String(8), nullable=False),
        sa.Column("first_index", sa.BigInteger(), nullable=False),
        sa.Column("next_index", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("first_receive_time", sa.BigInteger(), nullable=False),
        sa.Column("last_receive_time", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("segment_id", name="pk_segment"),
        sa.UniqueConstraint("record_class", "first_index", name="uq_segment_record_class_first_index"),
        sa.UniqueConstraint("file", name="uq_segment_file"),
        sa.UniqueConstraint("leaf_index", name="uq_segment_leaf_index"),
        sa.CheckConstraint("record_class IN ('CHAT', 'AUDIT')", name="ck_segment_record_class_known"),
        sa.CheckConstraint("records > 0", name="ck_segment_not_empty"),
        sa.CheckConstraint("next_index = first_index + records", name="ck_segment_next_index_follows"),
    )
    op.create_index("ix_segment_record_class_last_receive_time", "segment", ["record_class", "last_receive_time"])
    op.create_table(
        "segment_producer",
        sa.Column("producer", sa.String(64), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.Column("segment_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("producer", "first_sequence", name="pk_segment_producer"),
        sa.ForeignKeyConstraint(["segment_id"], ["segment.segment_id"], name="fk_segment_producer_segment_id_segment"),
        sa.CheckConstraint("next_sequence > first_sequence", name="ck_segment_producer_not_empty"),
    )
    op.create_table(
        "producer_head",
        sa.Column("producer", sa.String(64), nullable=False),
        sa.Column("next_sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("producer", name="pk_producer_head"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_index",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(44), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.Column("receive_time", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_audit_index"),
        sa.UniqueConstraint("audit_id", name="uq_audit_index_audit_id"),
    )
    op.create_index("ix_audit_index_trace_id_position", "audit_index", ["trace_id", "position"])
    op.create_index("ix_audit_index_subject_position", "audit_index", ["subject", "position"])


def _create_access() -> None:
    op.create_table(
        "access",
        sa.Column("access_id", sa.String(36), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger(), nullable=False),
        sa.Column("window_seconds", sa.BigInteger(), nullable=False),
        sa.Column("most_reads", sa.Integer(), nullable=False),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.Column("requester", sa.String(128), nullable=False),
        sa.Column("request_time", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(128), nullable=True),
        sa.Column("approve_time", sa.BigInteger(), nullable=True),
        sa.Column("close_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("access_id", name="pk_access"),
        sa.CheckConstraint("approver <> requester", name="ck_access_two_persons"),
        sa.CheckConstraint("(approver IS NULL) = (approve_time IS NULL)", name="ck_access_approval_whole"),
        sa.CheckConstraint("reads = 0 OR approver IS NOT NULL", name="ck_access_read_after_approval"),
        sa.CheckConstraint("reads BETWEEN 0 AND most_reads", name="ck_access_reads_within_bound"),
        sa.CheckConstraint("window_seconds > 0", name="ck_access_window_has_length"),
        sa.CheckConstraint("end_time > start_time", name="ck_access_interval_in_order"),
    )
    op.create_table(
        "access_group",
        sa.Column("access_id", sa.String(36), nullable=False),
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("access_id", "group_id", name="pk_access_group"),
        sa.ForeignKeyConstraint(["access_id"], ["access.access_id"], name="fk_access_group_access_id_access"),
    )
    op.create_table(
        "access_event",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("access_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_access_event"),
        sa.UniqueConstraint("event_id", name="uq_access_event_event_id"),
        sa.ForeignKeyConstraint(["access_id"], ["access.access_id"], name="fk_access_event_access_id_access"),
        sa.CheckConstraint("kind IN ('REQUESTED', 'APPROVED', 'READ', 'CLOSED')", name="ck_access_event_kind_known"),
    )
    op.create_index("ix_access_event_access_id_position", "access_event", ["access_id", "position"])
    op.create_index("ix_access_event_leaf_index", "access_event", ["leaf_index"])
