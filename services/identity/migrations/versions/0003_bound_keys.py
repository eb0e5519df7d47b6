"""Every service's database belongs to its keys: the shared table takes over what identity had alone.

Revision ID: 0003
"""

from alembic import op

from chassis.db import base_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Moves the key that the database belongs to."""
    base_tables.create_bound_keys(op)
    op.execute("INSERT INTO bound_key (name, key_id) SELECT 'identity.key', key_id FROM key_service")
    op.drop_table("key_service")
