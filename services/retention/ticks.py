"""What time does by itself in the retention service, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence


class Ticks:
    """Looks after what time does, again and again.

    Args:
        jobs: Each does what has come due, and returns. One that fails keeps none of the others from its turn.
        seconds: Between two rounds.
    """

    def __init__(self, jobs: Sequence[Callable[[], Awaitable[None]]], *, seconds: float) -> None:
        self._jobs = jobs
        self._seconds = seconds

    async def run(self) -> None:
        """Goes round until cancelled; raises at the end of a round what the first job that failed in it raised."""
        while True:
            failures: list[Exception] = []
            for job in self._jobs:
                try:
                    await job()
                except Exception as error:  # noqa: BLE001 - raised below
                    failures.append(error)
            if failures:
                raise failures[0]
            await asyncio.sleep(self._seconds)
