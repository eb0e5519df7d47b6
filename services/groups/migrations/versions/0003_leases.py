"""Background work has a lease: any number of processes may serve over one database.

Revision ID: 0003
"""

from alembic import op

from chassis.db import base_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the table of leases."""
    base_tables.create_leases(op)
