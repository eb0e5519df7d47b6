"""What time alone brings about, soon after its instant."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import Session

from chassis.db import Database, Unit

_EVERY_SECONDS = 1.0


class Terms:
    """Acts on what has come to the end of its term.

    Nothing waits for it: whoever asks before is told by the clock.

    Args:
        database: Where the terms are.
        job: Names the work in audit records.
        due: The ids of what has come to its end at an instant, and was not acted on.
        act: Acts on one of them; does nothing if it is not due any more.
    """

    def __init__(
        self,
        database: Database,
        job: str,
        *,
        due: Callable[[Session, datetime], Sequence[str]],
        act: Callable[[Unit, str], None],
    ) -> None:
        self._database = database
        self._job = job
        self._due = due
        self._act = act

    async def run(self) -> None:
        """Acts until cancelled."""
        while True:
            now = self._database.clock.now()
            found = await self._database.read(lambda session, now=now: self._due(session, now))  # type: ignore[misc]  # bound at once
            for each in found:
                await self._database.work(self._job, lambda unit, each=each: self._act(unit, each))  # type: ignore[misc]  # bound at once
            if not found:
                # Time alone brings an end about, so that no commit has to wake this.
                await asyncio.sleep(_EVERY_SECONDS)
