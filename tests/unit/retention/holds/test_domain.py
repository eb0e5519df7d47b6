from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.retention.access.domain import Scope
from services.retention.holds.domain import (
    EventKind,
    Hold,
    Proposal,
    State,
    approve,
    check_review_time,
    narrowed,
    propose_prolonging,
    propose_release,
)
from services.retention.memberships.domain import History, Membership

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PLACED = Hold(
    hold_id="hold-1",
    case_id="case-1",
    legal_basis="order",
    scope=Scope(("g1",), START - 3 * DAY, START - DAY),
    participant=None,
    review_time=START + 90 * DAY,
    place_time=START,
    proposer="officer-1",
)
ACTIVE, _ = approve(PLACED, "approver-1", START)


def refused(reason: str, act: object, *arguments: object) -> None:
    with pytest.raises(Refusal) as caught:
        act(*arguments)  # type: ignore[operator]  # each is one of the domain's functions
    assert ErrorReason.Name(caught.value.reason) == f"ERROR_REASON_{reason}"


def test_hold_keeps_from_its_placing_on_and_lapses_after_seven_days_without_a_second_person() -> None:
    assert PLACED.state(START) is State.PLACED
    assert PLACED.keeps(START + 7 * DAY - timedelta(microseconds=1))
    assert PLACED.state(START + 7 * DAY) is State.LAPSED
    assert not PLACED.keeps(START + 7 * DAY)


def test_approved_hold_keeps_until_its_review_date_and_not_beyond() -> None:
    assert ACTIVE.state(START + 8 * DAY) is State.ACTIVE
    assert ACTIVE.keeps(ACTIVE.review_time - timedelta(microseconds=1))
    assert ACTIVE.state(ACTIVE.review_time) is State.EXPIRED
    assert not ACTIVE.keeps(ACTIVE.review_time)


@pytest.mark.parametrize(
    "pending",
    [PLACED, propose_release(ACTIVE, "officer-1", START), propose_prolonging(ACTIVE, "officer-1", START + DAY, START)],
    ids=lambda hold: hold.pending,
)
def test_one_person_neither_places_nor_releases_nor_prolongs(pending: Hold) -> None:
    refused("SECOND_PERSON_REQUIRED", approve, pending, "officer-1", START)


def test_release_takes_two_and_ends_the_hold() -> None:
    proposed = propose_release(ACTIVE, "officer-2", START)
    assert proposed.keeps(START)
    released, kind = approve(proposed, "approver-1", START)
    assert (released.state(START), kind) == (State.RELEASED, EventKind.RELEASED)


def test_prolonging_takes_two_and_moves_the_review_date() -> None:
    later = START + 300 * DAY
    proposed = propose_prolonging(ACTIVE, "officer-2", later, START)
    assert proposed.review_time == ACTIVE.review_time
    prolonged, kind = approve(proposed, "approver-1", START)
    assert (prolonged.review_time, prolonged.pending, kind) == (later, None, EventKind.PROLONGED)


@pytest.mark.parametrize(
    "hold",
    [PLACED, replace(ACTIVE, pending=Proposal.RELEASE), replace(ACTIVE, release_time=START)],
    ids=["placed", "pending", "released"],
)
def test_nothing_is_proposed_for_a_hold_that_is_not_active_and_quiet(hold: Hold) -> None:
    refused("WRONG_STATE", propose_release, hold, "officer-1", START)
    refused("WRONG_STATE", propose_prolonging, hold, "officer-1", START + DAY, START)


@pytest.mark.parametrize(
    ("hold", "at"), [(ACTIVE, START), (PLACED, START + 7 * DAY), (PLACED, PLACED.review_time)], ids=str
)
def test_nothing_is_approved_where_nothing_waits(hold: Hold, at: datetime) -> None:
    refused("WRONG_STATE", approve, hold, "approver-1", at)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=-1), timedelta(days=366, microseconds=1)])
def test_review_is_ahead_and_within_a_year(ahead: timedelta) -> None:
    refused("REVIEW_TIME_REFUSED", check_review_time, START + ahead, START)
    check_review_time(START + timedelta(days=366), START)


@given(st.integers(-240, 240).map(lambda hours: START + timedelta(hours=hours)))
def test_hold_covers_the_day_of_every_instant_within_and_of_none_beyond(instant: datetime) -> None:
    if PLACED.scope.start <= instant < PLACED.scope.end:
        assert PLACED.covers(instant.date())
    if instant.date() < PLACED.scope.start.date() or instant.date() > PLACED.scope.end.date():
        assert not PLACED.covers(instant.date())


def test_hold_that_ends_at_midnight_leaves_the_next_day_alone() -> None:
    exact = replace(PLACED, scope=Scope(("g1",), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)))
    covered = [day for day in range(1, 32) if exact.covers(date(2026, 3, day))]
    assert covered == [1]


def test_participant_narrows_a_hold_to_days_of_membership_in_each_group() -> None:
    scope = Scope(("g1", "g2"), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC))
    hold = replace(PLACED, scope=scope, participant="p")
    histories = {
        "g1": History(
            scope.start, founded=False, memberships=(Membership("p", scope.start + 1.5 * DAY, scope.start + 2.5 * DAY),)
        ),
        "g2": History(scope.start, founded=True, memberships=(Membership("other", scope.start, None),)),
    }
    kept = [hold.groups_on(date(2026, 3, day), histories) for day in range(1, 7)]
    assert kept == [("g2",), ("g1", "g2"), ("g1", "g2"), ("g2",), ("g2",), ()]
    assert narrowed([hold, PLACED]) == {"g1", "g2"}


def test_membership_of_the_hours_beyond_the_interval_does_not_count() -> None:
    scope = Scope(("g1",), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, 12, tzinfo=UTC))
    hold = replace(PLACED, scope=scope, participant="p")
    evening = {"g1": History(scope.start, founded=True, memberships=(Membership("p", scope.end, None),))}
    assert hold.groups_on(date(2026, 3, 5), evening) == ()


def test_hold_on_nobody_in_particular_keeps_its_groups_whole() -> None:
    assert PLACED.groups_on(PLACED.scope.start.date(), {}) == ("g1",)
    assert narrowed([PLACED]) == set()
