"""Instants as messages."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86_400


def timestamp(at: datetime) -> Timestamp:
    """The message of an aware instant: what `FromDatetime` gives, at a third of its price."""
    since = at - _EPOCH
    return Timestamp(seconds=since.days * _DAY_SECONDS + since.seconds, nanos=since.microseconds * 1_000)
