"""What time does by itself in the retention service, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence


class Ticks:
    """Looks after what time does, again and again.

    Args:
        jobs: Each does what has come due, and returns.
        seconds: Between two rounds.
    """

    def __init__(self, jobs: Sequence[Callable[[], Awaitable[None]]], *, seconds: float) -> None:
        self._jobs = jobs
        self._seconds = seconds

    async def run(self) -> None:
        """Goes round until cancelled."""
        while True:
            for job in self._jobs:
                await job()
            await asyncio.sleep(self._seconds)
