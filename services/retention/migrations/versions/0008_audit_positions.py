"""How far each service has handed its audit records over; the keys that the database belongs to.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

from chassis.db import base_tables

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds both tables."""
    base_tables.create_bound_keys(op)
    op.create_table(
        "audit_position",
        sa.Column("service", sa.String(32), nullable=False),
        sa.Column("epoch", sa.String(36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("service", "epoch", name="pk_audit_position"),
    )
