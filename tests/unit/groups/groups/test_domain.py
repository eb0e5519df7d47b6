from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis.refusal import ErrorReason, Refusal
from services.groups.decisions.domain import Entitlements, Measure, Role, Standing
from services.groups.groups.domain import GroupState, Member, check_code, code_of, found, state
from tests.unit.groups.decisions.facts import GOOD, HOUR, NONE, NOW, restriction

codes = st.integers(6, 12).flatmap(
    lambda digits: st.integers(0, 10 ** (digits - 1) - 1).map(lambda number: code_of(number, digits))
)


@given(number=st.integers(0, 10**5 - 1), digits=st.integers(6, 12))
def test_code_is_as_long_as_asked_and_unlike_that_of_any_other_number(number: int, digits: int) -> None:
    code = code_of(number, digits)
    assert len(code) == digits
    assert int(code[:-1]) == number
    check_code(code, path="code")


@given(code=codes, place=st.integers(0, 11), digit=st.sampled_from("0123456789"))
def test_one_wrong_digit_is_always_found(code: str, place: int, digit: str) -> None:
    place %= len(code)
    assume(code[place] != digit)
    with pytest.raises(Refusal) as refused:
        check_code(code[:place] + digit + code[place + 1 :], path="code")
    assert refused.value.reason == ErrorReason.ERROR_REASON_GROUP_CODE_INVALID


@given(code=codes, place=st.integers(0, 10))
def test_swap_of_neighbours_is_always_found(code: str, place: int) -> None:
    place %= len(code) - 1
    assume(code[place] != code[place + 1])
    with pytest.raises(Refusal):
        check_code(code[:place] + code[place + 1] + code[place] + code[place + 2 :], path="code")


def test_founder_gets_at_most_what_the_standing_allows() -> None:
    def of_size(most_members: int, entitlements: Entitlements = GOOD) -> int:
        return found(
            group_id="g",
            code="1",
            founder="a",
            entitlements=entitlements,
            name="n",
            most_members=most_members,
            open_to_readers=False,
            at=NOW,
        ).most_members

    assert (of_size(0), of_size(2), of_size(50)) == (50, 2, 50)
    with pytest.raises(Refusal) as refused:
        of_size(51)
    assert refused.value.facts["limit"] == "50"
    with pytest.raises(Refusal):
        of_size(0, NONE)


def test_gravest_measure_in_force_gives_the_state() -> None:
    suspended = restriction(Measure.GROUP_SUSPENDED, start=NOW, end=NOW + 2 * HOUR)
    closed = restriction(Measure.GROUP_CLOSED, start=NOW + HOUR, stayed_from=NOW + 2 * HOUR)
    warned = restriction(Measure.WARNED)
    standing = Standing((), (suspended, closed, warned))
    states = [state(standing, NOW + timedelta(minutes=minutes))[0] for minutes in (-1, 0, 60, 120)]
    assert states == [GroupState.ACTIVE, GroupState.SUSPENDED, GroupState.CLOSED, GroupState.ACTIVE]


def test_role_is_the_label_that_people_see() -> None:
    assert [Member("g", "a", role, NOW).label for role in Role] == ["Owner", "Manager", "Member"]
