"""What the servicers share between messages and rules."""

from typing import Any

from grpc.aio import ServicerContext

Context = ServicerContext[Any, Any]
