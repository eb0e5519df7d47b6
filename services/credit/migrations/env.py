"""Where Alembic enters."""

from chassis.db.revisions import enter
from services.credit.models import metadata

enter(metadata)
