"""The catalogue of segments. All of it can be made again from the segment files and the leaves."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, String, UniqueConstraint
from sqlmodel import Field

from services.retention.tables import Instant, RetentionTable


class SegmentRow(RetentionTable, table=True):
    """A sealed segment; with a purge_id, one that was destroyed or is about to be."""

    __tablename__ = "segment"
    __table_args__ = (
        UniqueConstraint("record_class", "first_index"),
        Index(None, "record_class", "last_receive_time"),
        Index(None, "record_class", "purge_id", "first_receive_time"),
        Index(None, "purge_id", "leaf_index"),
        CheckConstraint("record_class IN ('CHAT', 'AUDIT')", name="record_class_known"),
        CheckConstraint("records > 0", name="not_empty"),
        CheckConstraint("next_index = first_index + records", name="next_index_follows"),
    )

    segment_id: str = Field(primary_key=True, sa_type=String(36))
    record_class: str = Field(sa_type=String(8))
    first_index: int = Field(sa_type=BigInteger)
    next_index: int = Field(sa_type=BigInteger)
    records: int = Field(sa_type=BigInteger)
    first_receive_time: datetime = Field(sa_type=Instant)
    last_receive_time: datetime = Field(sa_type=Instant)
    file: str = Field(sa_type=String(64), unique=True)
    file_hash: bytes = Field(sa_type=LargeBinary)
    leaf_index: int = Field(sa_type=BigInteger, unique=True)
    purge_id: str | None = Field(default=None, sa_type=String(36))


class SegmentProducer(RetentionTable, table=True):
    """Which sequences of a chat producer a segment holds: all from the first up to the next."""

    __tablename__ = "segment_producer"
    __table_args__ = (CheckConstraint("next_sequence > first_sequence", name="not_empty"),)

    producer: str = Field(primary_key=True, sa_type=String(64))
    first_sequence: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    next_sequence: int = Field(sa_type=BigInteger)
    segment_id: str = Field(sa_type=String(36), foreign_key="segment.segment_id")


class ProducerHead(RetentionTable, table=True):
    """The sequence after a chat producer's last sealed record."""

    __tablename__ = "producer_head"

    producer: str = Field(primary_key=True, sa_type=String(64))
    next_sequence: int = Field(sa_type=BigInteger)
