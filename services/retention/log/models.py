"""Tables of the log."""

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Text
from sqlmodel import Field

from services.retention.tables import RetentionTable


class LogHead(RetentionTable, table=True):
    """One row: the last signed checkpoint. Who signs the next one must find the one it builds on here."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint("singleton = 1", name="one_row"),)

    singleton: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=BigInteger)
    root: bytes = Field(sa_type=LargeBinary)
    checkpoint: str = Field(sa_type=Text)


class LogLeaf(RetentionTable, table=True):
    """A leaf of the log."""

    __tablename__ = "log_leaf"

    leaf_index: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    entry: bytes = Field(sa_type=LargeBinary)
