"""Tip-offs of trusted flaggers are told from those of anyone.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the source; who brought what is on file is not known."""
    # A check in the column's own definition is what SQLite can add to a table that is there.
    op.execute(
        "ALTER TABLE tip_off ADD COLUMN source VARCHAR(16) NOT NULL DEFAULT 'ANYONE'"
        " CONSTRAINT ck_tip_off_source CHECK (source IN ('ANYONE', 'TRUSTED_FLAGGER'))"
    )
