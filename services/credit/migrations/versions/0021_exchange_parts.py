"""Exchanges in parts: how many, of how many entries, and what became of them.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Adds the counts; an exchange that is there has one part, and what was decided is not counted again."""
    op.add_column("blacklist_exchange", sa.Column("parts", sa.Integer(), nullable=False, server_default="1"))
    for name in ("listings", "admitted_new", "admitted_changed", "admitted_revoked", "unchanged", "refused"):
        op.add_column("blacklist_exchange", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE blacklist_exchange SET listings ="
        " (SELECT count(*) FROM proposed_listing WHERE proposed_listing.exchange_id = blacklist_exchange.exchange_id)"
    )
