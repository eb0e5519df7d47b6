"""Who of the staff has which part in a case: one, so that who had another one does not review.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

from services.credit.migrations.checks import add_foreign_key

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Adds the table, which takes in the former reviewers; a reviewer is one whose part that is."""
    op.create_table(
        "case_part",
        sa.Column("sanction_id", sa.String(length=36), nullable=False),
        sa.Column("staff_id", sa.String(length=128), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "part IN ('REVIEWER', 'GROUND', 'SAME_FACTS', 'RELIEF', 'TIP_OFF', 'HAD_IT_BEFORE')",
            name="ck_case_part_part",
        ),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"], name="fk_case_part_sanction_id_sanction"),
        sa.PrimaryKeyConstraint("sanction_id", "staff_id", name="pk_case_part"),
        sa.UniqueConstraint("sanction_id", "staff_id", "part", name="uq_case_part_sanction_id_staff_id_part"),
    )
    op.execute(
        "INSERT INTO case_part (sanction_id, staff_id, part)"
        " SELECT sanction_id, reviewer, 'REVIEWER' FROM appeal WHERE reviewer IS NOT NULL"
    )
    op.execute(
        "INSERT INTO case_part (sanction_id, staff_id, part)"
        " SELECT appeal.sanction_id, former_reviewer.staff_id, 'HAD_IT_BEFORE'"
        " FROM former_reviewer JOIN appeal ON appeal.appeal_id = former_reviewer.appeal_id"
        " WHERE appeal.reviewer IS NULL OR appeal.reviewer <> former_reviewer.staff_id"
    )
    op.drop_table("former_reviewer")
    # A check in the column's own definition is what SQLite can add to a table that is there.
    op.execute(
        "ALTER TABLE appeal ADD COLUMN reviewer_part VARCHAR(16) DEFAULT 'REVIEWER' NOT NULL"
        " CONSTRAINT ck_appeal_reviewer_part CHECK (reviewer_part = 'REVIEWER')"
    )
    key = ["sanction_id", "reviewer", "reviewer_part"]
    add_foreign_key("appeal", "fk_appeal_case_part", key, "case_part", ["sanction_id", "staff_id", "part"])
    op.create_index("ix_evidence_sha256", "evidence", ["sha256"])
