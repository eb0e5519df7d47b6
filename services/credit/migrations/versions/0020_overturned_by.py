"""What fell with an appeal is found without reading every sanction.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Adds the index."""
    op.create_index("ix_sanction_overturning_appeal_id", "sanction", ["overturning_appeal_id"])
