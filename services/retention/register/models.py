"""Table of the register."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, String
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class RegisterRow(RetentionTable, table=True):
    """An entry of the register: the statement that the log commits to, with its salt, and its leaf once it has one.

    `kind` is a number of the contract's enums of event kinds, which share no number; `noun` says which of them.
    """

    __tablename__ = "register_event"
    __table_args__ = (
        Index(None, "noun", "position"),
        Index(None, "resource_id", "position"),
        Index(None, "leaf_index"),
        CheckConstraint("noun IN ('ACCESS', 'HOLD', 'CLASS', 'PURGE', 'CUSTODY')", name="noun_known"),
        CheckConstraint("kind > 0", name="kind_known"),
    )

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event_id: str = Field(sa_type=String(36), unique=True)
    noun: str = Field(sa_type=String(8))
    resource_id: str = Field(sa_type=String(64))
    kind: int
    time: datetime = Field(sa_type=Instant)
    salt: bytes = Field(sa_type=LargeBinary)
    statement: bytes = Field(sa_type=LargeBinary)
    leaf_index: int | None = Field(default=None, sa_type=BigInteger)
