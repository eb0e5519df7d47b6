"""Goes through all that waits to be sent, a page at a time: what can not be sent holds up nothing behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TypeVar

from chassis.retry import Backoff

T = TypeVar("T")


async def go_round(
    page: Callable[[T | None], Awaitable[Sequence[T]]],
    send: Callable[[T], Coroutine[None, None, bool]],
    idle: Callable[[], Awaitable[None]],
) -> None:
    """Sends until cancelled; what could not be sent is sent again in the next round.

    Args:
        page: Gives some of what waits, in an order that stays: from its beginning, or what comes after one.
        send: Sends one; whether it was sent.
        idle: Returns when there may be something again.
    """
    backoff = Backoff()
    while True:
        sent: list[bool] = []
        last: T | None = None
        while some := await page(last):
            # A task of its own for each: the span that it enters is current for that one alone.
            sent += [await asyncio.create_task(send(each)) for each in some]
            last = some[-1]
        if not all(sent):
            await asyncio.sleep(backoff.wait())
        elif not sent:
            backoff.reset()
            await idle()
