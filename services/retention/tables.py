"""The base of the retention service's tables."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from chassis.db.types import NAMING, Instant

__all__ = ["Instant", "RetentionTable"]


class RetentionTable(SQLModel):
    """Base of all tables of the service."""

    metadata = MetaData(naming_convention=NAMING)
