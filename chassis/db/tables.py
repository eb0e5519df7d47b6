"""The tables that every service's database has."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, MetaData, String
from sqlmodel import Field

from chassis.db.types import UNNAMED_KEYS, Instant, Table


class ChassisTable(Table):
    """Base of the shared tables."""

    metadata = MetaData(naming_convention=UNNAMED_KEYS)


class FeedHead(ChassisTable, table=True):
    """One row: where the change feed and the audit records stand. Writers lock it, so its order is commit order."""

    __tablename__ = "feed_head"
    __table_args__ = (CheckConstraint("singleton = 1", name="one_row"),)

    singleton: int = Field(default=1, primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: str = Field(sa_type=String(36))
    revision: int = Field(sa_type=BigInteger)
    audit_sequence: int = Field(sa_type=BigInteger)


class Change(ChassisTable, table=True):
    """An entry of the change feed: revisions count from 1 without gaps, in commit order."""

    __tablename__ = "change"

    revision: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    key: str = Field(sa_type=String(128))
    payload: bytes = Field(sa_type=LargeBinary)
    traceparent: str = Field(default="", sa_type=String(55))
    at: datetime = Field(sa_type=Instant)


class AuditEntry(ChassisTable, table=True):
    """An audit record, written with the act it records, until and after the log has it."""

    __tablename__ = "audit_record"
    __table_args__ = (Index(None, "trace_id"),)

    sequence: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    audit_id: str = Field(sa_type=String(36), unique=True)
    trace_id: str = Field(default="", sa_type=String(32))
    span_id: str = Field(default="", sa_type=String(16))
    record: bytes = Field(sa_type=LargeBinary)


class FeedPosition(ChassisTable, table=True):
    """How far this service has followed a feed of another, or has delivered one of its own."""

    __tablename__ = "feed_position"

    feed: str = Field(primary_key=True, sa_type=String(64))
    epoch: str = Field(default="", sa_type=String(36))
    revision: int = Field(default=0, sa_type=BigInteger)


class IdempotencyRecord(ChassisTable, table=True):
    """The answer to a mutation, under the key that its caller gave."""

    __tablename__ = "idempotency"

    request_id: str = Field(primary_key=True, sa_type=String(36))
    caller: str = Field(primary_key=True, sa_type=String(200))
    method: str = Field(primary_key=True, sa_type=String(160))
    digest: bytes = Field(sa_type=LargeBinary)
    answer: bytes = Field(sa_type=LargeBinary)
    at: datetime = Field(sa_type=Instant)


class LeaseRecord(ChassisTable, table=True):
    """Which process may do a kind of work, and until when; the term counts its holders."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True, sa_type=String(64))
    holder: str = Field(sa_type=String(36))
    term: int = Field(sa_type=BigInteger)
    until: datetime = Field(sa_type=Instant)


class BoundKey(ChassisTable, table=True):
    """A key that the database belongs to: what was written under it can be used with no other."""

    __tablename__ = "bound_key"

    name: str = Field(primary_key=True, sa_type=String(64))
    key_id: bytes = Field(sa_type=LargeBinary)
