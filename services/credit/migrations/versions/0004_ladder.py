"""Sanctions that leave out steps of the ladder say why.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the justification, and the check that holds it."""
    op.add_column("statement", sa.Column("step_justification", sa.Text(), nullable=False, server_default=""))
    # A check in the column's own definition is what SQLite can add to a table that is there.
    op.execute(
        "ALTER TABLE statement ADD COLUMN steps_skipped INTEGER NOT NULL DEFAULT 0"
        " CONSTRAINT ck_statement_step_justification"
        " CHECK (steps_skipped = 0 OR length(trim(step_justification)) > 0)"
    )
