"""Ways back: remedies, lifts and variations in the ledger, with the acts behind them, and stays.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEPT = (
    "entry_id, kind, subject_kind, subject_id, sanction_id, points, start_at, end_at, overturned_entry_id, appeal_id,"
    " recorded_at"
)


def upgrade() -> None:
    """Makes the table anew, because SQLite can not change a constraint, and carries every entry over."""
    op.execute(f"CREATE TABLE ledger_entry_0001 AS SELECT {_KEPT} FROM ledger_entry")  # noqa: S608 - literals
    op.drop_table("ledger_entry")
    _ledger()
    # Points first: what overturns them refers to them.
    for kind in ("POINTS", "OVERTURN"):
        op.execute(
            f"INSERT INTO ledger_entry ({_KEPT}) SELECT {_KEPT} FROM ledger_entry_0001 WHERE kind = '{kind}'"  # noqa: S608 - literals
        )
    op.drop_table("ledger_entry_0001")
    _acts()


def _ledger() -> None:
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
        sa.Column("relieved_entry_id", sa.String(length=36), nullable=True),
        sa.Column("proof_sha256", sa.String(length=64), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'POINTS' AND points > 0 AND start_at IS NOT NULL AND end_at IS NOT NULL AND end_at > start_at"
            " AND overturned_entry_id IS NULL AND appeal_id IS NULL AND relieved_entry_id IS NULL)"
            " OR (kind = 'OVERTURN' AND points = 0 AND start_at IS NULL AND end_at IS NULL"
            " AND overturned_entry_id IS NOT NULL AND appeal_id IS NOT NULL AND relieved_entry_id IS NULL)"
            " OR (kind IN ('COURSE', 'CURE', 'VARIATION', 'LIFT') AND points > 0 AND start_at IS NULL"
            " AND end_at IS NOT NULL AND end_at > recorded_at AND relieved_entry_id IS NOT NULL"
            " AND overturned_entry_id IS NULL AND appeal_id IS NULL)",
            name="ck_ledger_entry_kind",
        ),
        sa.CheckConstraint("(kind IN ('COURSE', 'CURE')) = (proof_sha256 IS NOT NULL)", name="ck_ledger_entry_proof"),
        sa.CheckConstraint("subject_kind IN ('ACCOUNT', 'GROUP')", name="ck_ledger_entry_subject_kind"),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_ledger_entry_appeal_id_appeal"),
        sa.ForeignKeyConstraint(
            ["overturned_entry_id"], ["ledger_entry.entry_id"], name="fk_ledger_entry_overturned_entry_id_ledger_entry"
        ),
        sa.ForeignKeyConstraint(
            ["relieved_entry_id", "sanction_id", "end_at"],
            ["ledger_entry.entry_id", "ledger_entry.sanction_id", "ledger_entry.end_at"],
            name="fk_ledger_entry_relieved",
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
        sa.UniqueConstraint(
            "subject_kind", "subject_id", "proof_sha256", name="uq_ledger_entry_subject_kind_subject_id_proof_sha256"
        ),
        sa.UniqueConstraint("entry_id", "sanction_id", "end_at", name="uq_ledger_entry_entry_id_sanction_id_end_at"),
    )
    op.create_index(
        "ix_ledger_entry_subject_kind_subject_id_entry_id", "ledger_entry", ["subject_kind", "subject_id", "entry_id"]
    )


def _acts() -> None:
    op.create_table(
        "lift",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=False),
        sa.Column("lifter", sa.String(length=128), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.CheckConstraint("lifted_at >= start_at", name="ck_lift_in_force"),
        sa.CheckConstraint("length(lifter) > 0", name="ck_lift_person"),
        sa.CheckConstraint("length(trim(reasons)) > 0", name="ck_lift_reasons"),
        sa.ForeignKeyConstraint(
            ["sanction_id", "start_at"],
            ["sanction.sanction_id", "sanction.start_at"],
            name="fk_lift_sanction_id_start_at_sanction",
        ),
        sa.PrimaryKeyConstraint("sanction_id", name="pk_lift"),
    )
    op.create_table(
        "variation",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("varied_at", sa.BigInteger(), nullable=False),
        sa.Column("varier", sa.String(length=128), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.CheckConstraint("length(trim(reasons)) > 0", name="ck_variation_reasons"),
        sa.CheckConstraint("length(varier) > 0", name="ck_variation_person"),
        sa.CheckConstraint("varied_at >= start_at", name="ck_variation_in_force"),
        sa.ForeignKeyConstraint(
            ["sanction_id", "start_at"],
            ["sanction.sanction_id", "sanction.start_at"],
            name="fk_variation_sanction_id_start_at_sanction",
        ),
        sa.PrimaryKeyConstraint("sanction_id", name="pk_variation"),
    )
    op.create_table(
        "varied_measure",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sanction_id", "kind"], ["measure.sanction_id", "measure.kind"], name="fk_varied_measure_measure"
        ),
        sa.ForeignKeyConstraint(
            ["sanction_id"], ["variation.sanction_id"], name="fk_varied_measure_sanction_id_variation"
        ),
        sa.PrimaryKeyConstraint("sanction_id", "kind", name="pk_varied_measure"),
    )
    op.create_table(
        "stay",
        sa.Column("appeal_id", sa.String(length=36), nullable=False),
        sa.Column("stayed_at", sa.BigInteger(), nullable=False),
        sa.Column("stayer", sa.String(length=128), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.CheckConstraint("length(trim(reasons)) > 0", name="ck_stay_reasons"),
        sa.CheckConstraint("length(stayer) > 0", name="ck_stay_person"),
        sa.ForeignKeyConstraint(["appeal_id"], ["appeal.appeal_id"], name="fk_stay_appeal_id_appeal"),
        sa.PrimaryKeyConstraint("appeal_id", name="pk_stay"),
    )
