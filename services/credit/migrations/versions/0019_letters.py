"""Letters of what the clock, a decision or an answer brings about.

Revision ID: 0019
"""

from services.credit.migrations.checks import replace_checks

revision = "0019"
down_revision = "0018"

_OLD = (
    "kind IN ('APPEAL_ASKED', 'APPEAL_PROLONGED', 'APPEAL_ENDED', 'SANCTION_ENDED', 'SANCTION_LIFTED',"
    " 'SANCTION_VARIED', 'SANCTION_STAYED', 'SANCTION_FELL', 'REPORTER_TOLD', 'REFERRED', 'REFERRAL_CORRECTED')"
)
_NEW = (
    "kind IN ('APPEAL_FILED', 'APPEAL_ASKED', 'APPEAL_PROLONGED', 'APPEAL_OVERDUE', 'APPEAL_ENDED',"
    " 'APPEAL_WITHDRAWN', 'SANCTION_ENDED', 'SANCTION_LIFTED', 'SANCTION_VARIED', 'SANCTION_STAYED', 'SANCTION_FELL',"
    " 'SANCTION_REPLACED', 'GROUND_STAYED', 'STAY_ENDED', 'RECTIFICATION_RECORDED', 'RECTIFICATION_MISSED',"
    " 'REPORTER_TOLD', 'REFERRED', 'REFERRAL_CORRECTED')"
)


def upgrade() -> None:
    """Adds the occasions."""
    replace_checks("letter", {"ck_letter_kind": _OLD}, {"ck_letter_kind": _NEW})
