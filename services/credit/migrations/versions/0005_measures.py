"""The whole ladder of measures.

Revision ID: 0005
"""

from services.credit.migrations.checks import replace_checks

revision = "0005"
down_revision = "0004"

_OLD = (
    "kind IN ('WARNED', 'PUBLISHING_SUSPENDED', 'MANAGEMENT_SUSPENDED', 'GROUP_CREATION_CANCELLED', 'GROUP_SUSPENDED',"
    " 'ACCOUNT_SUSPENDED', 'GROUP_CLOSED', 'ACCOUNT_CLOSED', 'BLACKLISTED')"
)
_NEW = (
    "kind IN ('WARNED', 'RECTIFICATION_ORDERED', 'JOINING_SUSPENDED', 'MEDIA_SUSPENDED', 'PUBLISHING_SUSPENDED',"
    " 'MANAGEMENT_SUSPENDED', 'MANAGEMENT_CANCELLED', 'GROUP_CREATION_CANCELLED', 'GROUP_SUSPENDED',"
    " 'UPDATES_SUSPENDED', 'ACCOUNT_SUSPENDED', 'GROUP_CLOSED', 'ACCOUNT_CLOSED', 'BLACKLISTED')"
)


def upgrade() -> None:
    """Lets measures be of the kinds that were missing."""
    replace_checks("measure", {"ck_measure_kind": _OLD}, {"ck_measure_kind": _NEW})
