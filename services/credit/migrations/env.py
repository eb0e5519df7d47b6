"""Where Alembic enters."""

from chassis.db.migrate import run
from services.credit import models

run(models.metadata)
