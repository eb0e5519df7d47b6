"""Referrals are kept for a term, and leave a certificate.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

from services.credit.migrations.checks import replace_checks

revision = "0014"
down_revision = "0013"

_THREE_YEARS = 1095 * 86_400_000_000
_FIELDS = {"ck_referral_fields": "length(fields) > 0"}
_KEPT = {"ck_referral_kept": "kept_until > proposed_at AND kept_until > coalesce(notify_at, proposed_at)"}


def upgrade() -> None:
    """Adds the term, three years for what is on file, and the table of certificates."""
    op.execute("ALTER TABLE referral ADD COLUMN kept_until BIGINT NOT NULL DEFAULT 0")
    last_act = sa.func.coalesce(*(sa.column(name) for name in ("correction_at", "outcome_at", "approved_at")))
    told = sa.func.coalesce(sa.column("notify_at"), sa.column("proposed_at")) - sa.column("proposed_at")
    kept_until = sa.func.coalesce(last_act, sa.column("proposed_at")) + told + _THREE_YEARS
    op.execute(sa.update(sa.table("referral", sa.column("kept_until"))).values(kept_until=kept_until))
    replace_checks("referral", _FIELDS, _FIELDS | _KEPT)
    op.create_index("ix_referral_kept_until", "referral", ["kept_until"])
    op.create_table(
        "referral_certificate",
        sa.Column("referral_id", sa.String(length=36), nullable=False),
        sa.Column("record_sha256", sa.String(length=64), nullable=False),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.Column("destroyed_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("outcome_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("destroyed_at >= kept_until", name="ck_referral_certificate_term"),
        sa.CheckConstraint("length(record_sha256) = 64", name="ck_referral_certificate_record_sha256"),
        sa.PrimaryKeyConstraint("referral_id", name="pk_referral_certificate"),
    )
