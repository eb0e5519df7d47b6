"""What was acknowledged and is not yet sealed, and how it holds back what comes after it.

The disk takes records faster than sealing does. To let all of them in until a bound is reached, and then none until a
whole segment is sealed, would make acknowledgements wait for seconds. So batches are spaced out more the more sealing
there is to do, which settles at the rate that sealing keeps up with.
"""

import asyncio
import time
from datetime import timedelta

from chassis.refusal import Refusal

_COME_BACK_AFTER = timedelta(seconds=1)
# With so many seconds of sealing to do, a batch is held back for as long as sealing it takes; with half of it, for half
# as long. A record then waits at most twice that for its proof: while others are sealed, and while its own are.
_EVEN = 2.0
_MOST_SPACING = 2.0
_FIRST_GUESS = 10e-6
_NEWEST, _MANY = 0.25, 1 / 8


class Pace:
    """Says when a batch may come in.

    Args:
        part_records: How many records are sealed at once at most.
    """

    def __init__(self, part_records: int) -> None:
        self._part_records = part_records
        self._cost = _FIRST_GUESS
        self._sealed_at = 0.0
        self._turn = 0.0

    def sealed(self, records: int, *, ready: float, now: float) -> None:
        """Learns from records that were just sealed what sealing one takes.

        Args:
            records: How many.
            ready: Since when they could have been; seconds, as `now`.
            now: The instant, by a clock that is never set.
        """
        cost = (now - max(ready, self._sealed_at)) / records
        # A few records cost more each than many do: they tell at most that it is less than was thought.
        if cost < self._cost or records >= self._part_records * _MANY:
            self._cost += _NEWEST * (cost - self._cost)
        self._sealed_at = now

    def hold(self, records: int, *, waiting: int, now: float) -> float:
        """Seconds by which to hold a batch back.

        Args:
            records: How many it has.
            waiting: How many are not sealed.
            now: The instant.
        """
        under_way = min(now - self._sealed_at, self._part_records * self._cost)
        work = waiting * self._cost - under_way
        spacing = self._cost * min(max(0.0, work / _EVEN), _MOST_SPACING)
        self._turn = max(self._turn, now) + records * spacing
        return self._turn - now


class Backlog:
    """Counts what waits to be sealed. On the event loop.

    Args:
        most_records: With so many waiting, nothing comes in.
        most_seconds: How long `admit` waits for that to change.
        part_records: How many records are sealed at once at most.
    """

    def __init__(self, *, most_records: int, most_seconds: float, part_records: int) -> None:
        self._most_records = most_records
        self._most_seconds = most_seconds
        self._part_records = part_records
        self._pace = Pace(part_records)
        self._records = 0
        self._room = asyncio.Event()
        self._room.set()
        self.due = asyncio.Event()

    @property
    def records(self) -> int:
        """How many records wait."""
        return self._records

    def add(self, records: int) -> None:
        """Counts records that were acknowledged; sets `due` once there are enough for a full segment."""
        self._records += records
        if self._records >= self._most_records:
            self._room.clear()
        if self._records >= self._part_records:
            self.due.set()

    def remove(self, records: int, *, ready: float) -> None:
        """Counts records that were sealed; they could have been since `ready` (`time.monotonic`)."""
        self._records -= records
        self._pace.sealed(records, ready=ready, now=time.monotonic())
        if self._records < self._most_records:
            self._room.set()

    def check(self) -> None:
        """Returns unless sealing is too far behind.

        Raises:
            Refusal: OVERLOADED.
        """
        if not self._room.is_set():
            raise Refusal.overloaded("records to seal", retry_after=_COME_BACK_AFTER)

    async def admit(self, records: int) -> None:
        """Waits until so many more may come in, but not for ever.

        Raises:
            Refusal: OVERLOADED, if sealing did not catch up in time.
        """
        if not self._room.is_set():
            try:
                async with asyncio.timeout(self._most_seconds):
                    await self._room.wait()
            except TimeoutError:
                self.check()
        held = self._pace.hold(records, waiting=self._records, now=time.monotonic())
        if held > 0:
            await asyncio.sleep(held)
