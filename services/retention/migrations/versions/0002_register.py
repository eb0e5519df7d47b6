"""One register for every act on retained records; and the end of each window in it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Moves the register of accesses over; entries keep their places and their leaves."""
    op.create_table(
        "register_event",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("noun", sa.String(8), nullable=False),
        sa.Column("resource_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position", name="pk_register_event"),
        sa.UniqueConstraint("event_id", name="uq_register_event_event_id"),
        sa.CheckConstraint(
            "noun IN ('ACCESS', 'HOLD', 'CLASS', 'PURGE', 'CUSTODY')", name="ck_register_event_noun_known"
        ),
        sa.CheckConstraint("kind > 0", name="ck_register_event_kind_known"),
    )
    op.create_index("ix_register_event_noun_position", "register_event", ["noun", "position"])
    op.create_index("ix_register_event_resource_id_position", "register_event", ["resource_id", "position"])
    op.create_index("ix_register_event_leaf_index", "register_event", ["leaf_index"])
    op.execute(
        "INSERT INTO register_event (position, event_id, noun, resource_id, kind, time, salt, statement, leaf_index)"
        " SELECT position, event_id, 'ACCESS', access_id,"
        " CASE kind WHEN 'REQUESTED' THEN 1 WHEN 'APPROVED' THEN 2 WHEN 'READ' THEN 3 ELSE 4 END,"
        " time, salt, statement, leaf_index FROM access_event"
    )
    op.drop_table("access_event")
    op.add_column("access", sa.Column("expire_time", sa.BigInteger(), nullable=True))
    op.add_column("access", sa.Column("end_registered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE access SET expire_time = approve_time + window_seconds * 1000000")
    op.create_index("ix_access_end_registered_expire_time", "access", ["end_registered", "expire_time"])
