"""The database of a service: one writer that groups commits, readers, and the tables that all services have."""

from chassis.db.database import Database
from chassis.db.unit import Prepared, Unit

__all__ = ["Database", "Prepared", "Unit"]
