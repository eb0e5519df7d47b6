"""What a server takes on, and what it turns away at the door while it has more to do than it can.

Two things say that it has: how many calls are in flight, those among them that wait for the next transaction; and how
long calls wait before anything looks at them, or for a thread to read in. Each load has its place in both. Bulk is
turned away first and reads last, so no read is turned away while anything else is let in (docs/adr/0021).
"""

import random
from dataclasses import dataclass
from datetime import timedelta

from chassis.metrics import Declared, Meter
from chassis.refusal import Refusal
from chassis.server.methods import Load

# Seconds that a call may wait, and a wait from which on a longer one says no more: a pause of the whole machine is no
# crowd.
_TARGET, _LONGEST = 0.01, 0.5
# By how much the pressure grows with each look: for each second above the target, and for each second more than before.
# A burst that is worked off within a third of a second turns nobody away but bulk and what anyone may call.
_FOR_EXCESS, _FOR_GROWTH = 0.8, 1.2
# Delays that the refusals of a load differ by, so that those who were turned away together do not come back together.
_DELAYS = 16

_IN_FLIGHT = Declared("ombud.admission.in_flight", "{call}", ("ombud.load",))
_REFUSED = Declared("ombud.admission.refused", "{call}", ("ombud.load",))


@dataclass(frozen=True, slots=True)
class Bound:
    """Up to where calls of a load are let in.

    Attributes:
        own: Calls of the load in flight.
        crowd: Calls of all loads but streams in flight.
        pressure: From there on some are turned away, and all from one above.
        delay: Seconds after which the first of those that were turned away shall come back; the last in twice as many.
    """

    own: int
    crowd: int
    pressure: float
    delay: float


BOUNDS = {
    Load.BULK: Bound(own=2, crowd=64, pressure=0, delay=1.0),
    Load.PUBLIC: Bound(own=16, crowd=128, pressure=1, delay=0.5),
    # As many as one transaction takes.
    Load.WRITE: Bound(own=256, crowd=256, pressure=2, delay=0.2),
    Load.STREAM: Bound(own=512, crowd=512, pressure=2, delay=1.0),
    Load.READ: Bound(own=512, crowd=512, pressure=3, delay=0.1),
}
_MOST_PRESSURE = 4.0


class Pressure:
    """How much too many calls there are, from 0, at which all come in, to 4, at which none does.

    A proportional-integral controller of the wait, as RFC 8033 has it for routers.

    Attributes:
        value: The pressure.
        came: How many calls came to the doors since somebody last set this to 0.
    """

    __slots__ = ("_last", "came", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.came = 0
        self._last = 0.0

    def look(self, wait: float) -> None:
        """Takes a measurement into account.

        Args:
            wait: Seconds for which calls wait.
        """
        wait = min(wait, _LONGEST)
        change = _FOR_EXCESS * (wait - _TARGET) + _FOR_GROWTH * (wait - self._last)
        self.value = min(max(self.value + change, 0.0), _MOST_PRESSURE)
        self._last = wait

    def ease(self) -> None:
        """Takes half of the pressure off, for so few come that it holds nothing back."""
        self.value /= 2


@dataclass(slots=True)
class Crowd:
    """How many calls in flight are in each other's way."""

    size: int = 0


def refusals(load: Load) -> list[Refusal]:
    """What those who are turned away are told, each by turns another time to come back."""
    delay = BOUNDS[load].delay
    return [
        Refusal.overloaded(load.value, retry_after=timedelta(seconds=delay * (1 + step / _DELAYS)))
        for step in range(_DELAYS)
    ]


class Door:
    """Where the calls of one load come in."""

    __slots__ = ("_bound", "_crowd", "_in_flight", "_load", "_pressure", "_refused", "_size")

    def __init__(self, load: Load, crowd: Crowd, pressure: Pressure, meter: Meter) -> None:
        self._load = load.value
        self._bound = BOUNDS[load]
        self._crowd = crowd
        self._pressure = pressure
        self._size = 0
        self._in_flight = meter.gauge(_IN_FLIGHT)
        self._refused = meter.counter(_REFUSED)
        # What never happened is told, too.
        self._in_flight.set(0, self._load)
        self._refused.add(0, self._load)

    def open(self) -> bool:
        """Whether the call that has come may come in."""
        bound, pressure = self._bound, self._pressure
        pressure.came += 1
        if self._size >= bound.own or self._crowd.size >= bound.crowd:
            return False
        excess = pressure.value - bound.pressure
        return excess <= 0 or random.random() >= excess  # noqa: S311 - a share of the calls, no secret

    def enter(self) -> None:
        """Counts a call that came in."""
        self._size += 1
        self._crowd.size += 1
        self._in_flight.set(self._size, self._load)

    def leave(self) -> None:
        """No longer counts a call that had come in."""
        self._size -= 1
        self._crowd.size -= 1
        self._in_flight.set(self._size, self._load)

    def turn_away(self) -> None:
        """Counts a call that did not come in."""
        self._refused.add(1, self._load)


class Admission:
    """The doors of a server.

    Args:
        meter: Counts who comes in and who does not.
        pressure: What the doors go by, beside how many are inside.
    """

    def __init__(self, meter: Meter, pressure: Pressure) -> None:
        calls, streams = Crowd(), Crowd()
        self._doors = {load: Door(load, streams if load is Load.STREAM else calls, pressure, meter) for load in BOUNDS}

    def door(self, load: Load) -> Door:
        """The door for calls of a load."""
        return self._doors[load]
