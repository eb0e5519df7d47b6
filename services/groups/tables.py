"""The base of the groups service's tables."""

from sqlalchemy import MetaData

from chassis.db.types import UNNAMED_KEYS, Table


class GroupsTable(Table):
    """Base of every table that the groups service owns."""

    metadata = MetaData(naming_convention=UNNAMED_KEYS)
