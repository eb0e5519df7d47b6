"""The database belongs to the keys that it was first served with.

Revision ID: 0005
"""

from alembic import op

from chassis.db import base_tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the table of the keys that the database belongs to."""
    base_tables.create_bound_keys(op)
