"""The base of the retention service's tables."""

from sqlalchemy import MetaData

from chassis.db.types import NAMING, Instant, Table

__all__ = ["Instant", "RetentionTable"]


class RetentionTable(Table):
    """Base of all tables of the service."""

    metadata = MetaData(naming_convention=NAMING)
