"""Where Alembic enters."""

from chassis.db.migrate import run
from services.groups import models

run(models.metadata)
