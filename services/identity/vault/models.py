"""The vault's tables."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import LargeBinary, String
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.identity.tables import IdentityTable
from services.identity.vault.domain import CellField


class DataKeyRow(IdentityTable, table=True):
    """A holder's data key, wrapped by the key service."""

    __tablename__: ClassVar[str] = "data_key"

    account_id: str = Field(primary_key=True, sa_type=String(36), foreign_key="account.account_id")
    key_id: str = Field(sa_type=String(36))
    wrapped: bytes = Field(sa_type=LargeBinary)
    create_time: datetime = Field(sa_type=Instant)


class CellRow(IdentityTable, table=True):
    """A sealed name, number or the like."""

    __tablename__: ClassVar[str] = "cell"
    __table_args__ = (one_of("field", CellField),)

    verification_id: str = Field(primary_key=True, sa_type=String(36))
    field: str = Field(primary_key=True)
    account_id: str = Field(sa_type=String(36))
    sealed: bytes = Field(sa_type=LargeBinary)
