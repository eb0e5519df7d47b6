"""When background work does its next step: together with what comes in quick succession, or when there is some."""

import asyncio
import contextlib
import time


class Pace:
    """Lets a step through at once after a pause, and under load no more often than every `seconds`.

    What gathers meanwhile is then done together: a transaction has a price of its own, however little is in it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    async def wait(self) -> None:
        """Returns when the next step may be taken."""
        now = time.monotonic()
        if now < self._next:
            await asyncio.sleep(self._next - now)
        self._next = max(now, self._next) + self._seconds


class Due:
    """Whether there may be work: somebody in this process said so, or another process may have made some.

    Args:
        at_most: Seconds after which it is worth a look though nobody here said so.
    """

    def __init__(self, at_most: float = 1.0) -> None:
        self._at_most = at_most
        self._said = asyncio.Event()

    def wake(self) -> None:
        """Says that there is work."""
        self._said.set()

    def look(self) -> None:
        """Says that what there is by now is being looked at."""
        self._said.clear()

    async def wait(self) -> None:
        """Returns when there may be work that nobody has looked at."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._at_most):
                await self._said.wait()
