"""Proposals that are taken back, ends that are put on record, and letters of what made a sanction milder.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

from services.credit.migrations.checks import replace_checks

revision = "0007"
down_revision = "0006"

_APPROVED = "(approver IS NOT NULL AND approved_at IS NOT NULL)"
_OLD = {
    "ck_sanction_approved": f"state IN ('PROPOSED', 'OVERTURNED') OR {_APPROVED}",
    "ck_sanction_state": "state IN ('PROPOSED', 'APPROVED', 'IN_FORCE', 'OVERTURNED')",
}
_NEW = {
    "ck_sanction_approved": f"state IN ('PROPOSED', 'WITHDRAWN', 'OVERTURNED') OR {_APPROVED}",
    "ck_sanction_state": "state IN ('PROPOSED', 'APPROVED', 'IN_FORCE', 'WITHDRAWN', 'OVERTURNED')",
    "ck_sanction_ended": (
        "end_recorded_at IS NULL OR (start_at IS NOT NULL AND end_at IS NOT NULL AND end_recorded_at >= end_at)"
    ),
}
_OLD_LETTERS = (
    "kind IN ('APPEAL_ASKED', 'APPEAL_PROLONGED', 'APPEAL_ENDED', 'SANCTION_FELL', 'REPORTER_TOLD', 'REFERRED',"
    " 'REFERRAL_CORRECTED')"
)
_NEW_LETTERS = (
    "kind IN ('APPEAL_ASKED', 'APPEAL_PROLONGED', 'APPEAL_ENDED', 'SANCTION_ENDED', 'SANCTION_LIFTED',"
    " 'SANCTION_VARIED', 'SANCTION_STAYED', 'SANCTION_FELL', 'REPORTER_TOLD', 'REFERRED', 'REFERRAL_CORRECTED')"
)


def upgrade() -> None:
    """Adds the instant of the record; the end of what was lifted is on record with its lift."""
    op.add_column("sanction", sa.Column("end_recorded_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE sanction SET end_recorded_at = end_at WHERE sanction_id IN (SELECT sanction_id FROM lift)")
    replace_checks("sanction", _OLD, _NEW)
    op.create_index("ix_sanction_state_end_recorded_at_end_at", "sanction", ["state", "end_recorded_at", "end_at"])
    replace_checks("letter", {"ck_letter_kind": _OLD_LETTERS}, {"ck_letter_kind": _NEW_LETTERS})
