from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.retention.lifecycle.domain import (
    DAY,
    MOST_STEP,
    STEADY,
    ClassName,
    Pulse,
    Terms,
    approve_terms,
    check_terms,
    due_time,
    midnight,
    next_change,
    observe,
    terms_of,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PACK = Terms("pack", ClassName.CHAT, 184, 200, START, effective_time=datetime(1970, 1, 1, tzinfo=UTC))
PROPOSED = Terms("new", ClassName.CHAT, 365, 400, START, proposer="officer-1")
steps = st.lists(st.timedeltas(timedelta(0), MOST_STEP), max_size=8)


def refused(name: ClassName, floor: int, ceiling: int) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_terms(name, floor, ceiling)
    assert ErrorReason.Name(caught.value.reason) == "ERROR_REASON_RETENTION_TERMS_REFUSED"
    return caught.value


def test_chat_is_kept_for_six_months_whoever_agrees_on_less() -> None:
    assert refused(ClassName.CHAT, 183, 200).facts["least_days"] == "184"
    check_terms(ClassName.CHAT, 184, 186)
    check_terms(ClassName.AUDIT, 1, 3)


@pytest.mark.parametrize("name", list(ClassName))
def test_ceiling_leaves_room_for_a_whole_day_to_end_at_once(name: ClassName) -> None:
    assert refused(name, 400, 401).facts["least_days"] == "402"
    check_terms(name, 400, 402)


def test_one_person_changes_no_terms() -> None:
    with pytest.raises(Refusal, match="can not take the second"):
        approve_terms(PROPOSED, "officer-1", START)


def test_terms_are_approved_once() -> None:
    approved = approve_terms(PROPOSED, "approver-1", START)
    with pytest.raises(Refusal) as caught:
        approve_terms(approved, "approver-2", START)
    assert caught.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


@given(st.datetimes(datetime(2026, 3, 2), datetime(2027, 3, 2)), st.integers(-400, 400))  # noqa: DTZ001 - made aware below
def test_approved_terms_leave_every_day_alone_that_had_begun(approved_at: datetime, days: int) -> None:
    at = approved_at.replace(tzinfo=UTC)
    approved = approve_terms(PROPOSED, "approver-1", at)
    day = at.date() + timedelta(days=days)
    assert terms_of(day, [PACK, approved]) == (approved if days > 0 else PACK)


def test_next_change_is_the_next_midnight_from_which_other_terms_apply() -> None:
    approved = approve_terms(PROPOSED, "approver-1", START)
    versions = [PACK, PROPOSED, approved]
    assert next_change(START.date(), versions) == approved.effective_time == START.replace(hour=0) + DAY
    assert next_change(START.date() + DAY, versions) is None


def test_terms_that_nobody_approved_apply_to_nothing() -> None:
    assert terms_of(date(2030, 1, 1), [PACK, PROPOSED]) == PACK
    assert terms_of(date(2030, 1, 1), []) is None


@given(
    st.integers(1, 4000),
    st.integers(2, 4000),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.timedeltas(timedelta(0), DAY - timedelta(microseconds=1)),
)
def test_record_of_a_due_day_is_at_most_at_its_ceiling_and_past_its_floor_though_the_clock_were_a_day_ahead(
    floor: int, span: int, day: date, into_day: timedelta
) -> None:
    terms = replace(PACK, floor_days=floor, ceiling_days=floor + span)
    received, due = midnight(day) + into_day, due_time(day, terms)
    assert (floor + 1) * DAY < due - received <= terms.ceiling_days * DAY


def seen(*observed: datetime) -> Pulse:
    pulse: Pulse | None = None
    for instant in observed:
        pulse = observe(pulse, instant)
    assert pulse is not None
    return pulse


def after(start: datetime, gaps: list[timedelta]) -> list[datetime]:
    found = [start]
    for gap in gaps:
        found.append(found[-1] + gap)
    return found


@given(steps)
def test_clock_that_goes_on_steadily_is_believed_after_a_day(gaps: list[timedelta]) -> None:
    assert seen(*after(START, gaps)).believed == (sum(gaps, timedelta(0)) >= STEADY)


@given(
    steps,
    st.one_of(
        st.timedeltas(MOST_STEP + timedelta(microseconds=1), timedelta(days=4000)),
        st.timedeltas(timedelta(days=-4000), timedelta(microseconds=-1)),
    ),
    steps,
)
def test_clock_that_jumped_is_not_believed_until_it_went_on_steadily_for_a_day(
    before: list[timedelta], jump: timedelta, since: list[timedelta]
) -> None:
    steady = after(START, before)
    jumped = after(steady[-1] + jump, since)
    assert seen(*steady, *jumped).believed == (sum(since, timedelta(0)) >= STEADY)
    assert not seen(*steady, jumped[0]).believed


@given(st.timedeltas(timedelta(0), MOST_STEP))
def test_night_without_service_is_no_jump(night: timedelta) -> None:
    day = [START + timedelta(hours=at) for at in range(25)]
    assert seen(*day, day[-1] + night).believed
