"""The oldest segment and the next one to look at are found without reading all of them.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds an index, and puts another in the place of one that it begins like."""
    op.create_index(
        "ix_segment_record_class_purge_id_first_receive_time",
        "segment",
        ["record_class", "purge_id", "first_receive_time"],
    )
    op.drop_index("ix_segment_purge_id", "segment")
    op.create_index("ix_segment_purge_id_leaf_index", "segment", ["purge_id", "leaf_index"])
