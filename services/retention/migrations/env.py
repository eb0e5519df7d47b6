"""Where Alembic enters."""

from chassis.db.revisions import enter
from services.retention.models import metadata

enter(metadata)
