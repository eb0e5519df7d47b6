"""Where Alembic enters."""

from chassis.db.revisions import enter
from services.groups.models import metadata

enter(metadata)
