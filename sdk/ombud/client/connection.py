"""What a channel's calls go over: one connection for good, or a new one whenever the certificates are new."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from ombud.client.tls import Pem, Rotation

Start = Callable[..., Any]
Bind = Callable[[grpc.aio.Channel], Start]


class Connection(Protocol):
    """Where calls are started."""

    def channel(self) -> grpc.aio.Channel:
        """The channel that a call would go over now."""
        ...

    def method(self, bind: Bind) -> Start:
        """What starts calls of a method, given how the method is found on a channel."""
        ...

    async def close(self, grace: float | None) -> None:
        """Ends all calls, at once or after some seconds' grace."""
        ...


class Fixed:
    """One channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def channel(self) -> grpc.aio.Channel:
        """See `Connection`."""
        return self._channel

    def method(self, bind: Bind) -> Start:
        """See `Connection`."""
        return bind(self._channel)

    async def close(self, grace: float | None) -> None:
        """See `Connection`."""
        await self._channel.close(grace)


@dataclass(eq=False)
class _Generation:
    """A channel with the certificates of its time, and how many of its calls have not ended."""

    channel: grpc.aio.Channel
    calls: int = 0


class Renewed:
    """A channel that gives way to a new one when its certificates do; the calls that it has end on it.

    Args:
        rotation: The certificate files.
        open_channel: Makes a channel with certificates.
    """

    def __init__(self, rotation: Rotation, open_channel: Callable[[Pem], grpc.aio.Channel]) -> None:
        self._rotation = rotation
        self._open = open_channel
        self._newest = _Generation(open_channel(rotation.pem))
        self._closing: set[asyncio.Task[None]] = set()
        self._retired: set[_Generation] = set()

    def channel(self) -> grpc.aio.Channel:
        """See `Connection`."""
        return self._current().channel

    def method(self, bind: Bind) -> Start:
        """See `Connection`."""
        bound, start = self._newest, bind(self._newest.channel)

        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the method of grpc.aio
            nonlocal bound, start
            current = self._current()
            if current is not bound:
                bound, start = current, bind(current.channel)
            started = start(*arguments, **options)
            current.calls += 1
            started.add_done_callback(lambda _: self._ended(current))
            return started

        return call

    async def close(self, grace: float | None) -> None:
        """See `Connection`."""
        await asyncio.gather(*(each.channel.close(grace) for each in (self._newest, *self._retired)), *self._closing)

    def _current(self) -> _Generation:
        pem = self._rotation.newer()
        if pem is not None:
            old, self._newest = self._newest, _Generation(self._open(pem))
            self._retired.add(old)
            self._close_if_done(old)
        return self._newest

    def _ended(self, generation: _Generation) -> None:
        generation.calls -= 1
        self._close_if_done(generation)

    def _close_if_done(self, generation: _Generation) -> None:
        if generation in self._retired and not generation.calls:
            self._retired.discard(generation)
            task = asyncio.get_running_loop().create_task(generation.channel.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
