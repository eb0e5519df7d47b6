"""The first schema of the shared tables, as each service's first migration creates it.

Frozen: later changes are new functions that new migrations call.
"""

import sqlalchemy as sa
from alembic.operations import Operations


def create(op: Operations) -> None:
    """Creates the tables of `chassis.db.tables`, first version."""
    op.create_table(
        "feed_head",
        sa.Column("singleton", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.String(36), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("audit_sequence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("singleton = 1", name="ck_feed_head_one_row"),
    )
    op.create_table(
        "change",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("traceparent", sa.String(55), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "audit_record",
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.Column("span_id", sa.String(16), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("audit_id", name="uq_audit_record_audit_id"),
    )
    op.create_index("ix_audit_record_trace_id", "audit_record", ["trace_id"])
    op.create_table(
        "feed_position",
        sa.Column("feed", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.String(36), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "idempotency",
        sa.Column("request_id", sa.String(36), primary_key=True),
        sa.Column("caller", sa.String(200), primary_key=True),
        sa.Column("method", sa.String(160), primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )


def create_bound_keys(op: Operations) -> None:
    """Creates the table of the keys that the database belongs to."""
    op.create_table(
        "bound_key",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
    )


def create_leases(op: Operations) -> None:
    """Creates the table of leases."""
    op.create_table(
        "lease",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(36), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
