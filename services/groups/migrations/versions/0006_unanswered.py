"""What waits for an answer is found without reading what was answered.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the index."""
    op.create_index("ix_tip_off_reply_time_due_time_tip_off_id", "tip_off", ["reply_time", "due_time", "tip_off_id"])
