from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import damm

from chassis.refusal import ErrorReason, Refusal
from services.groups.tipoffs import domain
from services.groups.tipoffs.domain import Category, Outcome, Staff, State, Target, TipOff
from tests.unit.groups.decisions.facts import HOUR, NOW

FRESH = TipOff(
    "t", "2026-0000-0000-0", Target(account_id="a"), Category.SPAM, urgent=False, receive_time=NOW, due_time=NOW + HOUR
)
ACTS: dict[State, Callable[[TipOff], TipOff]] = {
    State.RECEIVED: lambda tip_off: domain.triage(tip_off, Category.FRAUD, 1, NOW),
    State.TRIAGED: lambda tip_off: domain.decide(tip_off, Outcome.NO_ACTION, (), decider="mod-1", at=NOW),
    State.DECIDED: lambda tip_off: domain.reply(tip_off, contestable=HOUR, at=NOW),
    State.REPLIED: lambda tip_off: domain.contest(tip_off, answer_within=HOUR, at=NOW),
    State.CONTESTED: lambda tip_off: domain.decide_contest(tip_off, Outcome.NO_ACTION, (), decider="rev-1", at=NOW),
}


def answered(*, after: timedelta = timedelta(0), outcome: Outcome = Outcome.NO_ACTION) -> TipOff:
    triaged = domain.triage(FRESH, Category.SPAM, 0, NOW)
    decided = domain.decide(triaged, outcome, (), decider="mod-1", at=NOW)
    return domain.reply(decided, contestable=3 * HOUR, at=NOW + after)


@given(acts=st.lists(st.sampled_from(list(ACTS)), max_size=12))
def test_tip_off_only_moves_forward_one_step_at_a_time(acts: list[State]) -> None:
    tip_off = FRESH
    for needs in acts:
        before = tip_off.state
        if before is needs:
            tip_off = ACTS[needs](tip_off)
            assert list(State).index(tip_off.state) == list(State).index(before) + 1
        else:
            with pytest.raises(Refusal):
                ACTS[needs](tip_off)


@pytest.mark.parametrize(
    ("answered_after", "seen_after", "overdue", "escalated"),
    [
        (None, timedelta(minutes=59), False, False),
        (None, HOUR, True, True),
        (timedelta(minutes=59), 9 * HOUR, False, False),
        (HOUR, 9 * HOUR, True, False),
    ],
)
def test_lateness_follows_from_the_clock_alone(
    answered_after: timedelta | None, seen_after: timedelta, overdue: bool, escalated: bool
) -> None:
    tip_off = FRESH
    if answered_after is not None:
        tip_off = answered(after=answered_after)
    assert (tip_off.overdue(NOW + seen_after), tip_off.escalated(NOW + seen_after)) == (overdue, escalated)


@given(number=st.integers(0, 10**8 - 1))
def test_reference_number_has_a_check_digit(number: int) -> None:
    reference = domain.reference_number(2026, number)
    assert len(reference) == 16
    assert damm.is_valid(reference.replace("-", ""))


@pytest.mark.parametrize(
    ("decided_after", "seen_after", "overdue", "escalated"),
    [
        (None, timedelta(minutes=119), False, False),
        (None, 2 * HOUR, True, True),
        (timedelta(minutes=119), 9 * HOUR, False, False),
        (2 * HOUR, 9 * HOUR, True, False),
    ],
)
def test_contest_has_a_clock_of_its_own(
    decided_after: timedelta | None, seen_after: timedelta, overdue: bool, escalated: bool
) -> None:
    tip_off = domain.contest(answered(), answer_within=HOUR, at=NOW + HOUR)
    if decided_after is not None:
        tip_off = domain.decide_contest(tip_off, Outcome.NO_ACTION, (), decider="rev-1", at=NOW + decided_after)
    assert (tip_off.overdue(NOW + seen_after), tip_off.escalated(NOW + seen_after)) == (overdue, escalated)


def test_answer_that_came_late_stays_late_whatever_becomes_of_the_contest() -> None:
    late = domain.contest(answered(after=HOUR), answer_within=HOUR, at=NOW + HOUR)
    in_time = domain.decide_contest(late, Outcome.NO_ACTION, (), decider="rev-1", at=NOW + HOUR)
    assert in_time.overdue(NOW + HOUR)
    assert not in_time.escalated(NOW + 9 * HOUR)


@pytest.mark.parametrize("outcome", [Outcome.NO_ACTION, Outcome.OUT_OF_SCOPE, Outcome.INSUFFICIENT])
def test_whatever_did_nothing_can_be_contested_until_its_window_ends(outcome: Outcome) -> None:
    tip_off = answered(outcome=outcome)
    moment = timedelta(microseconds=1)
    assert domain.contest(tip_off, answer_within=HOUR, at=NOW + 3 * HOUR - moment).state is State.CONTESTED
    with pytest.raises(Refusal) as late:
        domain.contest(tip_off, answer_within=HOUR, at=NOW + 3 * HOUR)
    assert late.value.reason == ErrorReason.ERROR_REASON_CONTEST_WINDOW_CLOSED
    assert late.value.facts["contest_end_time"] == (NOW + 3 * HOUR).isoformat()


def test_what_was_acted_on_can_not_be_contested() -> None:
    with pytest.raises(Refusal) as refused:
        domain.contest(answered(outcome=Outcome.ACTION_TAKEN), answer_within=HOUR, at=NOW)
    assert refused.value.reason == ErrorReason.ERROR_REASON_NOT_CONTESTABLE


def test_who_decided_first_does_not_decide_the_contest() -> None:
    contested = domain.contest(answered(), answer_within=HOUR, at=NOW)
    with pytest.raises(Refusal) as refused:
        domain.decide_contest(contested, Outcome.ACTION_TAKEN, (), decider="mod-1", at=NOW)
    assert refused.value.facts["conflict"] == "DECIDER"


@pytest.mark.parametrize(
    ("staff", "conflict"),
    [(Staff("a", in_group=False), "CONCERNED"), (Staff("b", in_group=True), "GROUP_MEMBER")],
)
def test_who_is_tied_to_the_target_is_refused(staff: Staff, conflict: str) -> None:
    with pytest.raises(Refusal) as refused:
        domain.check_independent(FRESH, staff)
    assert refused.value.facts["conflict"] == conflict


def test_unknown_account_of_staff_is_not_taken_for_a_group_without_one() -> None:
    domain.check_independent(replace(FRESH, target=Target(group_id="g")), Staff("", in_group=False))


def test_full_intake_says_when_there_is_room_again() -> None:
    domain.check_intake("tip-offs", None, span=HOUR, at=NOW)
    domain.check_intake("tip-offs", NOW, span=HOUR, at=NOW + HOUR)
    with pytest.raises(Refusal) as refused:
        domain.check_intake("tip-offs", NOW, span=HOUR, at=NOW + timedelta(minutes=50))
    assert refused.value.retry_after == timedelta(minutes=10)
