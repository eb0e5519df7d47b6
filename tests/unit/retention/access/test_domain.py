from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.retention.access.domain import Access, Scope, State, approve, check_goes_on, check_window, close, read

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCOPE = Scope(("g1", "g2"), START - HOUR, START)
ASKED = Access(
    access_id="access-1",
    case_id="case-1",
    legal_basis="order",
    purpose="appeal",
    scope=SCOPE,
    window=2 * HOUR,
    most_reads=2,
    requester="officer-1",
    request_time=START,
)
OPEN = approve(ASKED, "approver-1", START)


def refused(reason: str, act: object, *arguments: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act(*arguments)  # type: ignore[operator]  # each is one of the domain's functions
    assert ErrorReason.Name(caught.value.reason) == f"ERROR_REASON_{reason}"
    return caught.value


def test_approval_opens_the_window_for_its_length() -> None:
    assert ASKED.state(START) is State.REQUESTED
    assert OPEN.state(START) is State.OPEN
    assert OPEN.state(START + 2 * HOUR - timedelta(microseconds=1)) is State.OPEN
    assert OPEN.state(START + 2 * HOUR) is State.EXPIRED


def test_one_person_is_not_two() -> None:
    refused("SECOND_PERSON_REQUIRED", approve, ASKED, "officer-1", START)


@pytest.mark.parametrize("access", [OPEN, close(OPEN, START), close(ASKED, START)], ids=["open", "closed", "withdrawn"])
def test_only_a_request_is_approved(access: Access) -> None:
    refused("WRONG_STATE", approve, access, "approver-2", START)


def test_only_the_requester_reads() -> None:
    refused("ACCESS_NOT_YOURS", read, OPEN, "approver-1", SCOPE, START)


@given(
    st.sets(st.sampled_from(["g1", "g2", "g3"]), min_size=1),
    st.integers(-120, 120),
    st.integers(-120, 120),
)
def test_read_is_allowed_exactly_within_groups_and_interval(groups: set[str], start: int, end: int) -> None:
    asked = Scope(tuple(groups), START + timedelta(minutes=start), START + timedelta(minutes=end))
    within = groups <= {"g1", "g2"} and start >= -60 and end <= 0
    if within:
        assert read(OPEN, "officer-1", asked, START).reads == 1
    else:
        refused("ACCESS_OUT_OF_SCOPE", read, OPEN, "officer-1", asked, START)


def test_reads_are_spent_one_by_one() -> None:
    access = read(read(OPEN, "officer-1", SCOPE, START), "officer-1", SCOPE, START)
    assert (access.reads, access.state(START)) == (2, State.SPENT)
    assert refused("ACCESS_NOT_OPEN", read, access, "officer-1", SCOPE, START).facts["state"] == "SPENT"


def test_read_that_was_begun_ends_with_the_window_and_not_with_the_count() -> None:
    last = replace(OPEN, reads=2)
    check_goes_on(last, START + HOUR)
    refused("ACCESS_NOT_OPEN", check_goes_on, last, START + 2 * HOUR)
    refused("ACCESS_NOT_OPEN", check_goes_on, close(OPEN, START), START)


@given(st.timedeltas(timedelta(minutes=1), timedelta(days=10)))
def test_no_window_is_longer_than_the_policy(window: timedelta) -> None:
    if window <= timedelta(hours=72):
        check_window(window, most_hours=72)
    else:
        with pytest.raises(Refusal) as caught:
            check_window(window, most_hours=72)
        assert caught.value.reason == ErrorReason.ERROR_REASON_ACCESS_WINDOW_TOO_LONG


def test_what_is_over_is_not_closed() -> None:
    refused("WRONG_STATE", close, OPEN, START + 2 * HOUR)
