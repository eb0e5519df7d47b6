"""Instants and ids between messages and the domain."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import instants
from ombud.common.v1.types_pb2 import Subject


def instant(timestamp: Timestamp) -> datetime:
    """The instant of a timestamp, to the microsecond, in UTC."""
    return timestamp.ToDatetime(tzinfo=UTC)


def timestamp(at: datetime | None) -> Timestamp | None:
    """The timestamp of an instant; None leaves the field absent."""
    return None if at is None else instants.timestamp(at)


def of_account(account_id: str) -> Subject:
    """The account, as the subject of a record."""
    return Subject(account_id=account_id)


def of_group(group_id: str) -> Subject:
    """The group, as the subject of a record."""
    return Subject(group_id=group_id)
