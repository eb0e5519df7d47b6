"""Appeals in full: who reviews, what is asked, every way to end; and the letters that tell of it.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

from services.credit.migrations.checks import replace_checks

revision = "0003"
down_revision = "0002"

_OLD = {
    "ck_appeal_decision": (
        "(state = 'DECIDED' AND outcome IN ('UPHELD', 'OVERTURNED') AND length(trim(reasons)) > 0"
        " AND decided_at IS NOT NULL) OR (state <> 'DECIDED' AND outcome IS NULL AND reasons = ''"
        " AND decided_at IS NULL)"
    ),
    "ck_appeal_reviewed": "state = 'FILED' OR (reviewer IS NOT NULL AND length(reviewer) > 0)",
    "ck_appeal_state": "state IN ('FILED', 'UNDER_REVIEW', 'DECIDED')",
}
_NEW = {
    "ck_appeal_decision": (
        "(state = 'DECIDED' AND outcome IS NOT NULL AND outcome IN ('UPHELD', 'OVERTURNED', 'REMANDED', 'VARIED')"
        " AND length(trim(reasons)) > 0 AND decided_at IS NOT NULL)"
        " OR (state = 'INADMISSIBLE' AND outcome IS NULL AND length(trim(reasons)) > 0 AND decided_at IS NOT NULL)"
        " OR (state = 'WITHDRAWN' AND outcome IS NULL AND reasons = '' AND decided_at IS NOT NULL)"
        " OR (state IN ('FILED', 'UNDER_REVIEW', 'INFO_REQUESTED') AND outcome IS NULL AND reasons = ''"
        " AND decided_at IS NULL)"
    ),
    "ck_appeal_reviewed": "state IN ('FILED', 'WITHDRAWN') OR (reviewer IS NOT NULL AND length(reviewer) > 0)",
    "ck_appeal_state": "state IN ('FILED', 'UNDER_REVIEW', 'INFO_REQUESTED', 'DECIDED', 'INADMISSIBLE', 'WITHDRAWN')",
    "ck_appeal_prolongation": (
        "(prolonged_until IS NULL AND prolongation_reasons = '')"
        " OR (prolonged_until > due_at AND length(trim(prolongation_reasons)) > 0)"
    ),
}


def upgrade() -> None:
    """Lets appeals end in more ways, and adds the tables around them."""
    op.add_column("appeal", sa.Column("prolonged_until", sa.BigInteger(), nullable=True))
    op.add_column("appeal", sa.Column("prolongation_reasons", sa.Text(), nullable=False, server_default=""))
    replace_checks("appeal", _OLD, _NEW)
    op.add_column("referral", sa.Column("notify_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_appeal_state_due_at_appeal_id", "appeal", ["state", "due_at", "appeal_id"])
    op.create_table(
        "appeal_question",
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(answered_at IS NULL) = (answer = '')", name="ck_appeal_question_answer"),
        sa.CheckConstraint("length(trim(question)) > 0", name="ck_appeal_question_question"),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_appeal_question_appeal_id_appeal"),
        sa.PrimaryKeyConstraint("appeal_id", "position", name="pk_appeal_question"),
    )
    op.create_table(
        "former_reviewer",
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("staff_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_former_reviewer_appeal_id_appeal"),
        sa.PrimaryKeyConstraint("appeal_id", "staff_id", name="pk_former_reviewer"),
    )
    op.create_table(
        "roster",
        sa.Column("staff_id", sa.String(length=128), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("staff_id", name="pk_roster"),
    )
    _letters()


def _letters() -> None:
    op.create_table(
        "notice_language",
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.CheckConstraint("language IN ('en', 'zh')", name="ck_notice_language_language"),
        sa.CheckConstraint("subject_kind IN ('ACCOUNT', 'GROUP')", name="ck_notice_language_subject_kind"),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", name="pk_notice_language"),
    )
    op.create_table(
        "letter",
        sa.Column("letter_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("traceparent", sa.String(length=55), nullable=False),
        sa.CheckConstraint(
            "kind IN ('APPEAL_ASKED', 'APPEAL_PROLONGED', 'APPEAL_ENDED', 'SANCTION_FELL', 'REPORTER_TOLD', 'REFERRED',"
            " 'REFERRAL_CORRECTED')",
            name="ck_letter_kind",
        ),
        sa.CheckConstraint("sent_at >= not_before", name="ck_letter_not_before"),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"], name="fk_letter_sanction_id_sanction"),
        sa.PrimaryKeyConstraint("letter_id", name="pk_letter"),
    )
    op.create_index("ix_letter_sent_at_not_before", "letter", ["sent_at", "not_before"])
