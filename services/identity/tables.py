"""The base of the identity service's tables."""

from sqlalchemy import MetaData

from chassis.db.types import NAMING, Table


class IdentityTable(Table):
    """Base of every table that the identity service owns."""

    metadata = MetaData(naming_convention=NAMING)
