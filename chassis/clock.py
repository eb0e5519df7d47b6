"""The one place where the services take the time from."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

# How far clocks may differ: what the clock of another machine says is taken for the same time up to here.
MOST_DIFFERENCE = timedelta(seconds=2)


class Clock(Protocol):
    """Tells the instant, as an aware datetime in UTC."""

    def now(self) -> datetime:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)  # noqa: TID251 - the one place


class SteadyClock:
    """The machine's clock as it was when it was last believed, going on at a steady pace.

    If the machine's clock is stepped, forward or back, nothing happens here before `confirm` hears of a witness who
    says the same: terms neither end early nor begin late because one machine was set wrong.

    Args:
        machine: The machine's clock.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._offset = self._machines_offset()

    def now(self) -> datetime:
        """The present instant."""
        return datetime.fromtimestamp(time.monotonic() + self._offset, UTC)

    def confirm(self, witness: datetime) -> timedelta | None:
        """Takes the machine's time over if the witness bears it out.

        Args:
            witness: The present instant, as another clock has it.

        Returns:
            By how much the time went on at once, backwards if negative; None if the machine is not believed.
        """
        if abs(self._machine.now() - witness) > MOST_DIFFERENCE:
            return None
        before, self._offset = self._offset, self._machines_offset()
        return timedelta(seconds=self._offset - before)

    def _machines_offset(self) -> float:
        return self._machine.now().timestamp() - time.monotonic()
