from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.groups.decisions.domain import Measure, Restriction
from services.groups.stewardship.domain import DutyEntry, DutyState, Tool, check_cure_time, cure, excuse
from tests.unit.groups.decisions.facts import HOUR, NOW

instants = st.integers(0, 20).map(lambda hours: NOW + hours * HOUR)


def entry(cure_end_time: datetime) -> DutyEntry:
    return DutyEntry("n", "g", "a", "duty", (Tool.REMOVE_MESSAGE,), NOW, cure_end_time)


@given(end=instants, cured=st.none() | instants, at=instants)
def test_breach_takes_the_whole_time_without_a_cure(end: datetime, cured: datetime | None, at: datetime) -> None:
    duty = entry(end)
    if cured is not None and cured < end:
        duty = cure(duty, cured)
        assert duty.state(at) is DutyState.CURED
    else:
        assert duty.state(at) is (DutyState.BREACHED if at >= end else DutyState.SERVED)


@given(end=instants, at=instants)
def test_cure_is_refused_from_the_end_on(end: datetime, at: datetime) -> None:
    if at < end:
        assert cure(entry(end), at).cure_time == at
    else:
        with pytest.raises(Refusal) as refused:
            cure(entry(end), at)
        assert refused.value.reason == ErrorReason.ERROR_REASON_CURE_TIME_OVER


@given(start=instants, end=st.none() | instants, stay=st.none() | instants)
def test_owner_is_excused_exactly_if_the_tools_are_gone_at_some_instant_of_the_time_to_cure(
    start: datetime, end: datetime | None, stay: datetime | None
) -> None:
    restriction = Restriction("s", Measure.MANAGEMENT_SUSPENDED, start, end, stay)
    duty = entry(NOW + 10 * HOUR)
    gone = any(restriction.in_force(NOW + hours * HOUR) for hours in range(10))
    assert (excuse(duty, [restriction], NOW).state(NOW + 20 * HOUR) is DutyState.EXCUSED) is gone
    assert excuse(duty, [replace(restriction, measure=Measure.PUBLISHING_SUSPENDED)], NOW) is duty


def test_least_time_is_measured_from_the_serving() -> None:
    check_cure_time(NOW, NOW + HOUR, HOUR)
    with pytest.raises(Refusal):
        check_cure_time(NOW, NOW + HOUR - timedelta(microseconds=1), HOUR)
