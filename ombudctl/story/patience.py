"""Coming again when a suite has too much to do: on a slow machine the story's own calls are what keeps it busy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc.aio

from ombud.client import OmbudError

# Seconds for which a call comes again, and a time to come back from which on the refusal is meant for people.
_PATIENCE, _SOON = 60.0, 2.0


def patient(channel: grpc.aio.Channel) -> grpc.aio.Channel:
    """The channel, its unary calls coming again when they are turned away for a moment, for a minute at most.

    gRPC itself comes again four times, which is over in a second or two.
    """
    return cast("grpc.aio.Channel", _Patient(channel))


class _Patient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the channel has
        return getattr(self._channel, name)

    def unary_unary(self, method: str, *serializers: Any, **options: Any) -> Callable[..., Awaitable[Any]]:  # noqa: ANN401 - as grpc.aio
        ask = self._channel.unary_unary(method, *serializers, **options)

        async def call(*request: Any, **bounds: Any) -> Any:  # noqa: ANN401 - as grpc.aio
            loop = asyncio.get_running_loop()
            end = loop.time() + _PATIENCE
            while True:
                try:
                    return await ask(*request, **bounds)
                except OmbudError as error:
                    delay = error.retry_after.total_seconds() if error.retry_after else None
                    if error.reason != "OVERLOADED" or delay is None or delay > _SOON or loop.time() > end:
                        raise
                    await asyncio.sleep(delay)

        return call
