"""What a process counts and measures, kept here until it is sent.

The SDK's instruments cost several microseconds a call; these cost a tenth of that, sent or not. They belong to the
event loop: only one thread may write to an instrument.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

# Seconds.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Declared:
    """What an instrument measures; the same stands in `docs/telemetry.yaml`.

    Attributes:
        name: In OpenTelemetry's form, such as `ombud.audit.undelivered`.
        unit: In UCUM's form: `s`, or what is counted in braces.
        labels: Names of the attributes by which values are kept apart.
    """

    name: str
    unit: str
    labels: tuple[str, ...] = ()


class Counter:
    """A sum that only grows, by the values of its labels."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, count: int, *labels: str) -> None:
        """Adds to the sum."""
        self.values[labels] = self.values.get(labels, 0) + count


class Gauge:
    """A value that goes up and down, by the values of its labels."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, *labels: str) -> None:
        """Takes the value in place of the last."""
        self.values[labels] = value

    def forget(self, *labels: str) -> None:
        """Has no value any more."""
        self.values.pop(labels, None)


class Series:
    """How many values fell below each of `BOUNDS`, and above the last; and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Histogram:
    """Durations, by the values of its labels."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.values: dict[tuple[str, ...], Series] = {}

    def record(self, seconds: float, *labels: str) -> None:
        """Counts a duration."""
        series = self.values.get(labels)
        if series is None:
            series = self.values[labels] = Series()
        series.counts[bisect_left(BOUNDS, seconds)] += 1
        series.total += seconds


Instrument = Counter | Gauge | Histogram
K = TypeVar("K", Counter, Gauge, Histogram)


@dataclass(frozen=True)
class Observed:
    """A gauge whose value is asked for when it is sent.

    Attributes:
        declared: The gauge.
        labels: The values of its labels.
        observe: Gives the value.
    """

    declared: Declared
    labels: tuple[str, ...]
    observe: Callable[[], Awaitable[float]]


class Meter:
    """The instruments of a process, one by each name."""

    def __init__(self) -> None:
        self._instruments: dict[str, Instrument] = {}

    def counter(self, declared: Declared) -> Counter:
        """The counter of that name."""
        return self._of(Counter, declared)

    def gauge(self, declared: Declared) -> Gauge:
        """The gauge of that name."""
        return self._of(Gauge, declared)

    def histogram(self, declared: Declared) -> Histogram:
        """The histogram of that name."""
        return self._of(Histogram, declared)

    def instruments(self) -> list[Instrument]:
        """All of them."""
        return list(self._instruments.values())

    def _of(self, kind: type[K], declared: Declared) -> K:
        instrument = self._instruments.setdefault(declared.name, kind(declared))
        if not isinstance(instrument, kind):
            raise TypeError(f"{declared.name} is no {kind.__name__}")
        return instrument
