"""Waiting for what happens in the background, with an end to the patience."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_EVERY = 0.02


async def eventually(found: Callable[[], Awaitable[T]], *, within: float = 30.0) -> T:
    """What `found` gives as soon as that is true; a failed assertion if it is not within so many seconds."""
    try:
        async with asyncio.timeout(within):
            while not (value := await found()):  # noqa: ASYNC110 - other processes and threads set no event here
                await asyncio.sleep(_EVERY)
            return value
    except TimeoutError:
        raise AssertionError(f"nothing of the kind within {within} s") from None
