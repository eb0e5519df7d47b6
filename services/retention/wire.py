"""What the servicers share between messages and rules."""

from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import ServicerContext

Context = ServicerContext[Any, Any]


def timestamp(instant: datetime) -> Timestamp:
    """An aware datetime as a message."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message
