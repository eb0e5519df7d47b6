"""The story's calls come again when a suite has too much to do, and only then."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import cast

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from ombud.client import OmbudError
from ombudctl.story.patience import patient


class Channel:
    """A channel whose calls are refused, one refusal after the other, and then answered."""

    def __init__(self, refusals: Sequence[OmbudError]) -> None:
        self._refusals = list(refusals)
        self.asked: list[bytes] = []

    def unary_unary(self, method: str) -> object:  # noqa: ARG002 - as grpc.aio
        async def call(request: bytes) -> bytes:
            self.asked.append(request)
            if self._refusals:
                raise self._refusals.pop(0)
            return b"done"

        return call


def over(channel: Channel) -> Callable[[bytes], Awaitable[bytes]]:
    return cast("Callable[[bytes], Awaitable[bytes]]", patient(cast("grpc.aio.Channel", channel)).unary_unary("/Act"))


def refused(reason: str, after: float | None) -> OmbudError:
    cause = AioRpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, Metadata(), Metadata())
    error = OmbudError.read(cause)
    error.reason, error.retry_after = reason, None if after is None else timedelta(seconds=after)
    return error


async def test_comes_again_with_the_same_request() -> None:
    channel = Channel([refused("OVERLOADED", 0.001)] * 7)
    call = over(channel)
    assert await call(b"once") == b"done"
    assert channel.asked == [b"once"] * 8


@pytest.mark.parametrize(
    "error", [refused("OVERLOADED", 600), refused("OVERLOADED", None), refused("CAP_REACHED", 0.1)]
)
async def test_leaves_other_refusals_alone(error: OmbudError) -> None:
    channel = Channel([error])
    call = over(channel)
    with pytest.raises(OmbudError):
        await call(b"once")
    assert channel.asked == [b"once"]
