import sqlalchemy as sa
from alembic import op

from chassis.db import base_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    base_tables.create(op)
    base_tables.create_leases(op)
    base_tables.create_bound_keys(op)
    op.create_table(
        "counter",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("total", sa.Integer(), nullable=False),
    )
