"""Interim measures, and their end by the decision that takes their place.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

from services.credit.migrations.checks import replace_checks

revision = "0008"
down_revision = "0007"

_SEVENTY_TWO_HOURS = 72 * 3_600_000_000
_OLD = {"ck_sanction_persons": "length(issuer) > 0 AND (approver IS NULL OR length(approver) > 0)"}
_NEW = {
    "ck_sanction_persons": (
        "length(issuer) > 0 AND (approver IS NULL OR (length(approver) > 0) = (interim_until IS NULL))"
    ),
    "ck_sanction_interim": (
        "interim_until IS NULL OR (points = 0 AND end_at IS NOT NULL AND end_at <= interim_until"
        f" AND interim_until > proposed_at AND interim_until <= proposed_at + {_SEVENTY_TWO_HOURS})"
    ),
}
_OLD_LIFT = {"ck_lift_person": "length(lifter) > 0", "ck_lift_reasons": "length(trim(reasons)) > 0"}
_NEW_LIFT = {
    "ck_lift_person": "(length(lifter) > 0) = (decision_id IS NULL)",
    "ck_lift_reasons": "length(trim(reasons)) > 0 OR decision_id IS NOT NULL",
}


def upgrade() -> None:
    """Adds what tells an interim measure from a decision, and which decision ended it."""
    op.add_column("sanction", sa.Column("interim_until", sa.BigInteger(), nullable=True))
    replace_checks("sanction", _OLD, _NEW)
    # A reference in the column's own definition is what SQLite can add to a table that is there.
    op.execute(
        "ALTER TABLE lift ADD COLUMN decision_id VARCHAR(36)"
        " CONSTRAINT fk_lift_decision REFERENCES sanction (sanction_id)"
    )
    replace_checks("lift", _OLD_LIFT, _NEW_LIFT)
