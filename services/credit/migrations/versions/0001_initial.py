"""The first schema of the credit service.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from chassis.db import base_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the shared tables and the service's own."""
    base_tables.create(op)
    _policies()
    _statements()
    _sanctions()
    _appeals()
    _consequences()


def _policies() -> None:
    op.create_table(
        "policy",
        sa.Column("publication_id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("publication_id", name="pk_policy"),
        sa.UniqueConstraint("policy_id", "version", "published_at", name="uq_policy_policy_id_version_published_at"),
    )
    op.create_index("ix_policy_effective_at", "policy", ["effective_at"])


def _statements() -> None:
    op.create_table(
        "statement",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("policy_hash", sa.String(length=64), nullable=False),
        sa.Column("policy_effective_at", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("clause", sa.Text(), nullable=False),
        sa.Column("clause_hash", sa.String(length=64), nullable=False),
        sa.Column("ground", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("points_days", sa.Integer(), nullable=False),
        sa.Column("appeal_window_days", sa.Integer(), nullable=False),
        sa.Column("appeal_decision_days", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("act_at", sa.BigInteger(), nullable=False),
        sa.Column("proportionality_note", sa.Text(), nullable=False),
        sa.Column("how_to_restore", sa.Text(), nullable=False),
        sa.Column("materials_needed", sa.Text(), nullable=False),
        sa.Column("duty_notice_id", sa.String(length=36), nullable=True),
        sa.Column("duty_group_id", sa.String(length=36), nullable=True),
        sa.Column("duty_served_at", sa.BigInteger(), nullable=True),
        sa.Column("duty_cure_end", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "category IN ('ANIMAL_WELFARE', 'CONSUMER_INFORMATION', 'CYBER_VIOLENCE', "
            "'CYBER_VIOLENCE_AGAINST_WOMEN', 'DATA_PROTECTION_AND_PRIVACY_VIOLATIONS', "
            "'ILLEGAL_OR_HARMFUL_SPEECH', 'INTELLECTUAL_PROPERTY_INFRINGEMENTS', "
            "'NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS', 'NOT_SPECIFIED_NOTICE', "
            "'OTHER_VIOLATION_TC', 'PROTECTION_OF_MINORS', 'RISK_FOR_PUBLIC_SECURITY', 'SCAMS_AND_FRAUD', "
            "'SELF_HARM', 'UNSAFE_AND_PROHIBITED_PRODUCTS', 'VIOLENCE')",
            name="ck_statement_category",
        ),
        sa.CheckConstraint("ground IN ('ILLEGAL', 'TERMS')", name="ck_statement_ground"),
        sa.CheckConstraint("act_at >= policy_effective_at", name="ck_statement_not_retroactive"),
        sa.CheckConstraint("appeal_window_days >= 184", name="ck_statement_appeal_window"),
        sa.CheckConstraint(
            "duty_notice_id IS NULL OR (duty_group_id IS NOT NULL AND duty_served_at IS NOT NULL"
            " AND duty_cure_end IS NOT NULL AND duty_cure_end > duty_served_at)",
            name="ck_statement_duty_breach",
        ),
        sa.CheckConstraint("length(trim(explanation)) > 0", name="ck_statement_explanation"),
        sa.CheckConstraint("length(trim(facts)) > 0", name="ck_statement_facts"),
        sa.CheckConstraint("length(trim(how_to_restore)) > 0", name="ck_statement_how_to_restore"),
        sa.CheckConstraint("length(trim(proportionality_note)) > 0", name="ck_statement_proportionality_note"),
        sa.PrimaryKeyConstraint("sanction_id", name="pk_statement"),
        sa.UniqueConstraint("sanction_id", "duty_notice_id", name="uq_statement_sanction_id_duty_notice_id"),
    )
    op.create_table(
        "evidence",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sanction_id"], ["statement.sanction_id"], name="fk_evidence_sanction_id_statement"),
        sa.PrimaryKeyConstraint("sanction_id", "sha256", name="pk_evidence"),
    )
    op.create_table(
        "notice",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("appeal_end", sa.BigInteger(), nullable=True),
        sa.Column("traceparent", sa.String(length=55), nullable=False),
        sa.CheckConstraint("(delivered_at IS NULL) = (appeal_end IS NULL)", name="ck_notice_delivered"),
        sa.CheckConstraint("appeal_end >= delivered_at + 15897600000000", name="ck_notice_appeal_window"),
        sa.ForeignKeyConstraint(["sanction_id"], ["statement.sanction_id"], name="fk_notice_sanction_id_statement"),
        sa.PrimaryKeyConstraint("sanction_id", name="pk_notice"),
        sa.UniqueConstraint(
            "sanction_id", "delivered_at", "appeal_end", name="uq_notice_sanction_id_delivered_at_appeal_end"
        ),
    )
    op.create_index("ix_notice_delivered_at", "notice", ["delivered_at"])


def _sanctions() -> None:
    op.create_table(
        "sanction",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("evidence_set", sa.String(length=64), nullable=False),
        sa.Column("tip_off_id", sa.String(length=36), nullable=False),
        sa.Column("duty_notice_id", sa.String(length=36), nullable=True),
        sa.Column("reporter_account_id", sa.String(length=36), nullable=False),
        sa.Column("issuer", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(length=128), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("start_at", sa.BigInteger(), nullable=True),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("review_at", sa.BigInteger(), nullable=True),
        sa.Column("points_end", sa.BigInteger(), nullable=True),
        sa.Column("appeal_end", sa.BigInteger(), nullable=True),
        sa.Column("overturning_appeal_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint(
            "(state = 'OVERTURNED') = (overturning_appeal_id IS NOT NULL)", name="ck_sanction_overturned"
        ),
        sa.CheckConstraint(
            "capacity IN ('FOUNDER', 'MANAGER', 'MEMBER', 'ACCOUNT', 'GROUP', 'REPORTER')", name="ck_sanction_capacity"
        ),
        sa.CheckConstraint(
            "capacity NOT IN ('FOUNDER', 'MANAGER') OR duty_notice_id IS NOT NULL", name="ck_sanction_recorded_breach"
        ),
        sa.CheckConstraint(
            "state <> 'IN_FORCE' OR (approver IS NOT NULL AND start_at IS NOT NULL AND appeal_end IS NOT NULL)",
            name="ck_sanction_in_force",
        ),
        sa.CheckConstraint("state IN ('PROPOSED', 'APPROVED', 'IN_FORCE', 'OVERTURNED')", name="ck_sanction_state"),
        sa.CheckConstraint(
            "state IN ('PROPOSED', 'OVERTURNED') OR (approver IS NOT NULL AND approved_at IS NOT NULL)",
            name="ck_sanction_approved",
        ),
        sa.CheckConstraint("subject_kind IN ('ACCOUNT', 'GROUP')", name="ck_sanction_subject_kind"),
        sa.CheckConstraint("approver <> issuer", name="ck_sanction_second_person"),
        sa.CheckConstraint("end_at IS NOT NULL OR review_at IS NOT NULL", name="ck_sanction_end_or_review"),
        sa.CheckConstraint(
            "length(issuer) > 0 AND (approver IS NULL OR length(approver) > 0)", name="ck_sanction_persons"
        ),
        sa.CheckConstraint(
            "points = 0 OR start_at IS NULL OR (points_end IS NOT NULL AND points_end > start_at)",
            name="ck_sanction_points_end",
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id", "duty_notice_id"],
            ["statement.sanction_id", "statement.duty_notice_id"],
            name="fk_sanction_sanction_id_duty_notice_id_statement",
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id", "start_at", "appeal_end"],
            ["notice.sanction_id", "notice.delivered_at", "notice.appeal_end"],
            name="fk_sanction_sanction_id_start_at_appeal_end_notice",
        ),
        sa.ForeignKeyConstraint(["sanction_id"], ["statement.sanction_id"], name="fk_sanction_sanction_id_statement"),
        sa.PrimaryKeyConstraint("sanction_id", name="pk_sanction"),
        sa.UniqueConstraint(
            "sanction_id", "issuer", "approver", "reporter_account_id", "appeal_end", name="uq_sanction_parties"
        ),
        sa.UniqueConstraint("sanction_id", "start_at", name="uq_sanction_sanction_id_start_at"),
        sa.UniqueConstraint(
            "subject_kind", "subject_id", "evidence_set", name="uq_sanction_subject_kind_subject_id_evidence_set"
        ),
    )
    op.create_index(
        "ix_sanction_subject_kind_subject_id_sanction_id", "sanction", ["subject_kind", "subject_id", "sanction_id"]
    )
    op.create_table(
        "measure",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("review_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind <> 'BLACKLISTED' OR end_at IS NOT NULL", name="ck_measure_blacklist_term"),
        sa.CheckConstraint(
            "kind IN ('WARNED', 'PUBLISHING_SUSPENDED', 'MANAGEMENT_SUSPENDED', 'GROUP_CREATION_CANCELLED', "
            "'GROUP_SUSPENDED', 'ACCOUNT_SUSPENDED', 'GROUP_CLOSED', 'ACCOUNT_CLOSED', 'BLACKLISTED')",
            name="ck_measure_kind",
        ),
        sa.CheckConstraint("(end_at IS NULL) <> (review_at IS NULL)", name="ck_measure_end_or_review"),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"], name="fk_measure_sanction_id_sanction"),
        sa.PrimaryKeyConstraint("sanction_id", "kind", name="pk_measure"),
    )
    op.create_table(
        "prior_decision",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("prior_sanction_id", sa.String(length=36), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("points_end", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("sanction_id <> prior_sanction_id", name="ck_prior_decision_other"),
        sa.ForeignKeyConstraint(
            ["prior_sanction_id"], ["sanction.sanction_id"], name="fk_prior_decision_prior_sanction_id_sanction"
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id"], ["sanction.sanction_id"], name="fk_prior_decision_sanction_id_sanction"
        ),
        sa.PrimaryKeyConstraint("sanction_id", "prior_sanction_id", name="pk_prior_decision"),
    )
    op.create_index("ix_prior_decision_prior_sanction_id", "prior_decision", ["prior_sanction_id"])


def _appeals() -> None:
    op.create_table(
        "appeal",
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("issuer", sa.String(length=128), nullable=False),
        sa.Column("approver", sa.String(length=128), nullable=False),
        sa.Column("reporter_account_id", sa.String(length=36), nullable=False),
        sa.Column("appeal_end", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("appellant_account_id", sa.String(length=36), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("filed_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("reviewer", sa.String(length=128), nullable=True),
        sa.Column("reviewer_account_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'DECIDED' AND outcome IN ('UPHELD', 'OVERTURNED') AND length(trim(reasons)) > 0"
            " AND decided_at IS NOT NULL) OR (state <> 'DECIDED' AND outcome IS NULL AND reasons = ''"
            " AND decided_at IS NULL)",
            name="ck_appeal_decision",
        ),
        sa.CheckConstraint(
            "reviewer_account_id = '' OR (reviewer_account_id <> reporter_account_id"
            " AND reviewer_account_id <> appellant_account_id)",
            name="ck_appeal_no_party",
        ),
        sa.CheckConstraint(
            "state = 'FILED' OR (reviewer IS NOT NULL AND length(reviewer) > 0)", name="ck_appeal_reviewed"
        ),
        sa.CheckConstraint("state IN ('FILED', 'UNDER_REVIEW', 'DECIDED')", name="ck_appeal_state"),
        sa.CheckConstraint("due_at > filed_at", name="ck_appeal_due"),
        sa.CheckConstraint("filed_at < appeal_end", name="ck_appeal_within_window"),
        sa.CheckConstraint("length(trim(statement)) > 0", name="ck_appeal_statement"),
        sa.CheckConstraint("reviewer <> issuer AND reviewer <> approver", name="ck_appeal_other_person"),
        sa.ForeignKeyConstraint(
            ["sanction_id", "issuer", "approver", "reporter_account_id", "appeal_end"],
            [
                "sanction.sanction_id",
                "sanction.issuer",
                "sanction.approver",
                "sanction.reporter_account_id",
                "sanction.appeal_end",
            ],
            name="fk_appeal_parties",
        ),
        sa.PrimaryKeyConstraint("appeal_id", name="pk_appeal"),
        sa.UniqueConstraint("sanction_id", name="uq_appeal_sanction_id"),
    )
    op.create_table(
        "appeal_evidence",
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("observed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_appeal_evidence_appeal_id_appeal"),
        sa.PrimaryKeyConstraint("appeal_id", "sha256", name="pk_appeal_evidence"),
    )


def _consequences() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=True),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("overturned_entry_id", sa.String(length=36), nullable=True),
        sa.Column("appeal_id", sa.String(length=36), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'POINTS' AND points > 0 AND start_at IS NOT NULL AND end_at IS NOT NULL"
            " AND end_at > start_at AND overturned_entry_id IS NULL AND appeal_id IS NULL)"
            " OR (kind = 'OVERTURN' AND points = 0 AND start_at IS NULL AND end_at IS NULL"
            " AND overturned_entry_id IS NOT NULL AND appeal_id IS NOT NULL)",
            name="ck_ledger_entry_kind",
        ),
        sa.CheckConstraint("subject_kind IN ('ACCOUNT', 'GROUP')", name="ck_ledger_entry_subject_kind"),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_ledger_entry_appeal_id_appeal"),
        sa.ForeignKeyConstraint(
            ["overturned_entry_id"], ["ledger_entry.entry_id"], name="fk_ledger_entry_overturned_entry_id_ledger_entry"
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id", "start_at"],
            ["sanction.sanction_id", "sanction.start_at"],
            name="fk_ledger_entry_sanction_id_start_at_sanction",
        ),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"], name="fk_ledger_entry_sanction_id_sanction"),
        sa.PrimaryKeyConstraint("entry_id", name="pk_ledger_entry"),
        sa.UniqueConstraint("overturned_entry_id", name="uq_ledger_entry_overturned_entry_id"),
        sa.UniqueConstraint("sanction_id", "kind", name="uq_ledger_entry_sanction_id_kind"),
    )
    op.create_index(
        "ix_ledger_entry_subject_kind_subject_id_entry_id", "ledger_entry", ["subject_kind", "subject_id", "entry_id"]
    )
    op.create_table(
        "blacklist_entry",
        sa.Column("entry_id", sa.String(length=36), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("subject_kind IN ('ACCOUNT', 'GROUP')", name="ck_blacklist_entry_subject_kind"),
        sa.CheckConstraint("end_at > start_at", name="ck_blacklist_entry_term"),
        sa.ForeignKeyConstraint(
            ["sanction_id", "start_at"],
            ["sanction.sanction_id", "sanction.start_at"],
            name="fk_blacklist_entry_sanction_id_start_at_sanction",
        ),
        sa.PrimaryKeyConstraint("entry_id", name="pk_blacklist_entry"),
        sa.UniqueConstraint("sanction_id", name="uq_blacklist_entry_sanction_id"),
    )
    op.create_index("ix_blacklist_entry_subject_kind_subject_id", "blacklist_entry", ["subject_kind", "subject_id"])
    op.create_table(
        "referral",
        sa.Column("referral_id", sa.String(length=36), nullable=False),
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("proposer", sa.String(length=128), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("approver", sa.String(length=128), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("outcome_at", sa.BigInteger(), nullable=True),
        sa.Column("correction_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'CONCLUDED') = (outcome IS NOT NULL) AND (outcome IS NULL) = (outcome_at IS NULL)",
            name="ck_referral_outcome",
        ),
        sa.CheckConstraint(
            "state = 'PROPOSED' OR (approver IS NOT NULL AND length(approver) > 0 AND approved_at IS NOT NULL)",
            name="ck_referral_approved",
        ),
        sa.CheckConstraint("state IN ('PROPOSED', 'APPROVED', 'CONCLUDED')", name="ck_referral_state"),
        sa.CheckConstraint("approver <> proposer", name="ck_referral_second_person"),
        sa.CheckConstraint("length(fields) > 0", name="ck_referral_fields"),
        sa.CheckConstraint("length(proposer) > 0", name="ck_referral_proposer"),
        sa.CheckConstraint("length(trim(authority)) > 0", name="ck_referral_authority"),
        sa.CheckConstraint("length(trim(legal_basis)) > 0", name="ck_referral_legal_basis"),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"], name="fk_referral_sanction_id_sanction"),
        sa.PrimaryKeyConstraint("referral_id", name="pk_referral"),
    )
    op.create_index("ix_referral_sanction_id", "referral", ["sanction_id"])
