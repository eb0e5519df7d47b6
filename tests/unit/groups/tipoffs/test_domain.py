from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import damm

from chassis.refusal import Refusal
from services.groups.tipoffs import domain
from services.groups.tipoffs.domain import Category, Outcome, State, Target, TipOff
from tests.unit.groups.decisions.facts import HOUR, NOW

FRESH = TipOff(
    "t", "2026-0000-0000-0", Target(account_id="a"), Category.SPAM, urgent=False, receive_time=NOW, due_time=NOW + HOUR
)
ACTS: dict[State, Callable[[TipOff], TipOff]] = {
    State.RECEIVED: lambda tip_off: domain.triage(tip_off, Category.FRAUD, 1, NOW),
    State.TRIAGED: lambda tip_off: domain.decide(tip_off, Outcome.NO_ACTION, (), NOW),
    State.DECIDED: lambda tip_off: domain.reply(tip_off, NOW),
}


@given(acts=st.lists(st.sampled_from(list(ACTS)), max_size=8))
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
        tip_off = domain.decide(domain.triage(FRESH, Category.SPAM, 0, NOW), Outcome.NO_ACTION, (), NOW)
        tip_off = domain.reply(tip_off, NOW + answered_after)
    assert (tip_off.overdue(NOW + seen_after), tip_off.escalated(NOW + seen_after)) == (overdue, escalated)


@given(number=st.integers(0, 10**8 - 1))
def test_reference_number_has_a_check_digit(number: int) -> None:
    reference = domain.reference_number(2026, number)
    assert len(reference) == 16
    assert damm.is_valid(reference.replace("-", ""))
