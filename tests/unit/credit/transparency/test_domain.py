"""What is published of a count: enough to judge by, too little to find one case by."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.credit.transparency.domain import LEAST, Figure, figure, interval, months, published_time, rate

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "published"),
    [(0, Figure(0)), (1, Figure(0, fewer=True)), (9, Figure(0, fewer=True)), (10, Figure(10)), (15, Figure(20))],
)
def test_figures_are_in_tens(count: int, published: Figure) -> None:
    assert figure(count) == published


def counts_behind(published: Figure) -> range:
    """Every count that would be published like this."""
    if published.fewer:
        return range(1, LEAST)
    least = published.count - LEAST // 2
    return range(max(least, LEAST), published.count + LEAST // 2) if published.count else range(1)


@given(st.lists(st.integers(LEAST, 300), min_size=1, max_size=3), st.data())
def test_small_part_can_not_be_worked_out_from_the_whole_and_the_other_parts(
    parts: list[int], data: st.DataObject
) -> None:
    small = data.draw(st.integers(1, LEAST - 1))
    assert small in counts_behind(figure(small))
    whole, others = counts_behind(figure(small + sum(parts))), [counts_behind(figure(part)) for part in parts]
    least = whole[0] - sum(behind[-1] for behind in others)
    most = whole[-1] - sum(behind[0] for behind in others)
    possible = [count for count in range(1, LEAST) if least <= count <= most]
    assert len(possible) >= 3


@given(st.integers(0, 300), st.integers(1, LEAST - 1))
def test_difference_of_two_periods_gives_no_small_figure_away(before: int, more: int) -> None:
    shorter, longer = counts_behind(figure(before)), counts_behind(figure(before + more))
    differences = {after - earlier for after in longer for earlier in shorter if after >= earlier}
    assert len(differences) >= 5


@given(st.integers(0, 300), st.integers(0, 300))
def test_rate_says_no_more_than_the_figures_that_it_is_of(part: int, rest: int) -> None:
    shown = rate(figure(part), figure(part + rest))
    if shown is None:
        assert 0 < part < LEAST or part + rest < LEAST
    else:
        assert shown == figure(part).count / figure(part + rest).count
        assert 0 <= shown <= 1


def test_median_is_in_whole_hours_and_not_of_fewer_than_ten_cases() -> None:
    median = timedelta(days=2, hours=3, minutes=31)
    assert published_time(median, 10) == timedelta(days=2, hours=4)
    assert published_time(median, 9) is None
    assert published_time(None, 0) is None


def test_period_is_of_whole_months_that_are_over() -> None:
    period = months("2025-03", "2026-02", at=NOW)
    assert (period.start, period.end) == (datetime(2025, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    assert months("2025-12", "2025-12", at=NOW).end == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-03", "2026-03"), ("2026-02", "2026-01"), ("2025-02", "2026-02"), ("2999-12", "2999-12")],
)
def test_other_periods_are_refused(first: str, last: str) -> None:
    with pytest.raises(Refusal) as refused:
        months(first, last, at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PERIOD_REFUSED


def test_period_ends_after_it_starts() -> None:
    assert interval(NOW, NOW + timedelta(microseconds=1)).start == NOW
    with pytest.raises(Refusal, match="order"):
        interval(NOW, NOW)
