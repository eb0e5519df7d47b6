"""Statements say where the facts came from, and whether the tip-off was answered in time.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Adds what is derived; of what is on file a tip-off is known, not its source."""
    # A check in the column's own definition is what SQLite can add to a table that is there.
    op.execute(
        "ALTER TABLE statement ADD COLUMN source VARCHAR(16) NOT NULL DEFAULT 'OWN_INITIATIVE'"
        " CONSTRAINT ck_statement_source CHECK (source IN ('NOTICE', 'TRUSTED_FLAGGER', 'OWN_INITIATIVE'))"
    )
    op.execute(
        "UPDATE statement SET source = 'NOTICE'"
        " WHERE sanction_id IN (SELECT sanction_id FROM sanction WHERE tip_off_id <> '')"
    )
    op.execute(
        "ALTER TABLE statement ADD COLUMN late BOOLEAN NOT NULL DEFAULT FALSE"
        " CONSTRAINT ck_statement_late CHECK (source <> 'OWN_INITIATIVE' OR NOT late)"
    )
