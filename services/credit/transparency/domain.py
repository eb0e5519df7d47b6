"""Which figures are published, and how.

Every count is published in tens, and one below ten only as that. A sum, a difference of two figures or of two periods,
or a rate worked out from them is then uncertain by ten and more: it takes the coincidence that every figure lies at the
very edge of its ten to work out a single case. Hiding small figures alone would not do: sums give them away, and a
report has many tables of the same cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.refusal import ErrorReason, Refusal

LEAST = 10
"""The least count that is published, and the step of those above it."""

_MONTHS_MOST = 12
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Figure:
    """A count as it is published: in tens; 0 and `fewer` for 1 to 9."""

    count: int
    fewer: bool = False


@dataclass(frozen=True)
class Period:
    """An interval of server time: the start is inside, the end is outside."""

    start: datetime
    end: datetime


def figure(count: int) -> Figure:
    """The figure that is published for a count."""
    if 0 < count < LEAST:
        return Figure(0, fewer=True)
    return Figure((count + LEAST // 2) // LEAST * LEAST)


def rate(part: Figure, whole: Figure) -> float | None:
    """The share of a part, 0 to 1, from the figures as published; None where they do not say."""
    if part.fewer or whole.count == 0:
        return None
    return part.count / whole.count


def published_time(median: timedelta | None, cases: int) -> timedelta | None:
    """A median time in whole hours, rounded; None if it is of fewer than ten cases, and so of nearly a single one."""
    if median is None or cases < LEAST:
        return None
    return (median + _HOUR / 2) // _HOUR * _HOUR


def by_name(names: Mapping[str, int]) -> dict[str, Figure]:
    """The figures of the parts of a whole, by name."""
    return {name: figure(count) for name, count in sorted(names.items())}


def months(first: str, last: str, *, at: datetime) -> Period:
    """The period of whole months.

    Args:
        first: The first month (UTC), as YYYY-MM, of the years 2000 to 2999.
        last: The last one.
        at: The instant at which it is asked for.

    Raises:
        Refusal: PERIOD_REFUSED, if it is not over, not in order, or longer than a year.
    """
    start, last_start = _month(first), _month(last)
    length = (last_start.year - start.year) * 12 + last_start.month - start.month + 1
    end = _next(last_start)
    if not 1 <= length <= _MONTHS_MOST or end > at:
        raise Refusal.field(
            "last_month",
            "no period that is reported on",
            reason=ErrorReason.ERROR_REASON_PERIOD_REFUSED,
            satisfy=f"1 to {_MONTHS_MOST} whole months in order, the last before {at:%Y-%m}",
            first_month=first,
            last_month=last,
        )
    return Period(start, end)


def interval(start: datetime, end: datetime) -> Period:
    """The period between two instants.

    Raises:
        Refusal: PERIOD_REFUSED, if the end does not come after the start.
    """
    if start >= end:
        raise Refusal.field(
            "end_time",
            "the period is not in order",
            reason=ErrorReason.ERROR_REASON_PERIOD_REFUSED,
            satisfy="an end_time after start_time",
            start_time=start.isoformat(),
            end_time=end.isoformat(),
        )
    return Period(start, end)


def _month(text: str) -> datetime:
    year, month = text.split("-")
    return datetime(int(year), int(month), 1, tzinfo=UTC)


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=31)).replace(day=1)
