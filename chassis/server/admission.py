"""What a server takes on, and what it turns away at the door while it has more to do than it can.

Counted are calls in flight: those that run, and those that wait for a thread or for the next transaction, for that is
what queues are here. Each load has a mark in this count from which on no more of it come in. Bulk has the lowest and
reads the highest, so a read is never turned away while bulk is let in (docs/adr/0021).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from chassis.metrics import Declared, Meter
from chassis.refusal import Refusal
from chassis.server.methods import Load

# Seconds for which a burst may last: a crowd that was not small for longer is a queue that only makes all wait.
_PATIENCE = 0.1
# With fewer calls than this in flight the server has little to do.
_CALM = 16
# Delays that the refusals of a load differ by, so that those who were turned away together do not come back together.
_DELAYS = 16

_IN_FLIGHT = Declared("ombud.admission.in_flight", "{call}", ("ombud.load",))
_REFUSED = Declared("ombud.admission.refused", "{call}", ("ombud.load",))


@dataclass(frozen=True, slots=True)
class Bound:
    """How many calls there may be for one more of a load to be let in.

    Attributes:
        own: Of that load.
        crowd: Of all loads, once the server has had much to do for a while.
        burst: Of all loads before.
        delay: Seconds after which the first of those that are turned away shall come back; the last in twice as many.
    """

    own: int
    crowd: int
    burst: int
    delay: float


BOUNDS = {
    Load.READ: Bound(own=512, crowd=64, burst=512, delay=0.1),
    Load.WRITE: Bound(own=384, crowd=48, burst=384, delay=0.2),
    Load.PUBLIC: Bound(own=16, crowd=32, burst=256, delay=0.5),
    Load.BULK: Bound(own=2, crowd=_CALM, burst=_CALM, delay=1.0),
    Load.STREAM: Bound(own=512, crowd=512, burst=512, delay=1.0),
}


class Crowd:
    """Calls in flight that are in each other's way.

    Attributes:
        size: How many there are.
        calm: When they were last seen to be few, on the clock's scale.
    """

    __slots__ = ("calm", "clock", "size")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.size = 0
        self.calm = clock()


class Door:
    """Where the calls of one load come in."""

    __slots__ = ("_bound", "_crowd", "_in_flight", "_load", "_refused", "_size")

    def __init__(self, load: Load, bound: Bound, crowd: Crowd, meter: Meter) -> None:
        self._load = load.value
        self._bound = bound
        self._crowd = crowd
        self._size = 0
        self._in_flight = meter.gauge(_IN_FLIGHT)
        self._refused = meter.counter(_REFUSED)
        # What never happened is told, too.
        self._in_flight.set(0, self._load)
        self._refused.add(0, self._load)

    def open(self) -> bool:
        """Whether one more call may come in now."""
        bound, crowd = self._bound, self._crowd
        if self._size >= bound.own:
            return False
        now = crowd.clock()
        if crowd.size < _CALM:
            crowd.calm = now
            return True
        return crowd.size < (bound.burst if now - crowd.calm < _PATIENCE else bound.crowd)

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

    def refusals(self) -> list[Refusal]:
        """What those who are turned away are told, each by turns another time to come back."""
        return [
            Refusal.overloaded(self._load, retry_after=timedelta(seconds=self._bound.delay * (1 + step / _DELAYS)))
            for step in range(_DELAYS)
        ]


class Admission:
    """The doors of a server.

    Args:
        meter: Counts who comes in and who does not.
        clock: Seconds on a scale that never goes back.
    """

    def __init__(self, meter: Meter, clock: Callable[[], float] = time.monotonic) -> None:
        calls, streams = Crowd(clock), Crowd(clock)
        self._doors = {
            load: Door(load, bound, streams if load is Load.STREAM else calls, meter) for load, bound in BOUNDS.items()
        }

    def door(self, load: Load) -> Door:
        """The door for calls of a load."""
        return self._doors[load]
