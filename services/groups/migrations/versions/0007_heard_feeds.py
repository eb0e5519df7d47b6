"""Answers can say up to when identity and credit were heard.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

from chassis.db.types import Instant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds the table of what was heard."""
    op.create_table(
        "heard_feed",
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("time", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("feed", name="heard_feed_pkey"),
    )
