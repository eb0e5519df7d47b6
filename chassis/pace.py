"""Doing together what comes in quick succession."""

import asyncio
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
