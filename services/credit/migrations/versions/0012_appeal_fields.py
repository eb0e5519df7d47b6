"""What an appellant asks for, and the letters of a sanction by their kind.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Adds the columns and the index."""
    op.add_column("appeal", sa.Column("remedy_sought", sa.Text(), nullable=False, server_default=""))
    op.add_column("appeal", sa.Column("wants_suspension", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_letter_sanction_id_kind", "letter", ["sanction_id", "kind"])
