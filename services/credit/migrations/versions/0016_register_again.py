"""Whoever is blacklisted may have another account from a stated instant on.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Adds the instant to sanctions and entries; it is the end for the entries of accounts that are there."""
    op.add_column("sanction", sa.Column("register_again_at", sa.BigInteger(), nullable=True))
    for table in ("blacklist_entry", "admitted_listing"):
        # A check in the column's own definition is what SQLite can add to a table that is there.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN register_again_at BIGINT"
            f" CONSTRAINT ck_{table}_register_again CHECK (register_again_at >= end_at)"
        )
    entry = sa.table("blacklist_entry", sa.column("subject_kind"), sa.column("end_at"), sa.column("register_again_at"))
    op.execute(sa.update(entry).where(entry.c.subject_kind == "ACCOUNT").values(register_again_at=entry.c.end_at))
