"""Where Alembic enters."""

from chassis.db.revisions import enter
from services.identity.models import metadata

enter(metadata)
