"""What a trail of comings and goings says of a day, and what it leaves open."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retention.memberships.domain import Act, History, Membership, history

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def at(day: float) -> datetime:
    return START + day * DAY


def founded(day: float, account_id: str) -> Act:
    return Act("groups", "groups.group.created", at(day), {"owner": account_id})


def joined(day: float, account_id: str) -> Act:
    return Act("groups", "groups.member.joined", at(day), {"account_id": account_id})


def left(day: float, account_id: str) -> Act:
    return Act("groups", "groups.member.left", at(day), {"account_id": account_id})


def rules_out(found: History, account_id: str, day: float) -> bool:
    return found.rules_out(account_id, at(day), at(day + 1))


def test_comings_and_goings_make_memberships_in_order() -> None:
    found = history([founded(0, "a"), joined(1, "b"), left(2, "b"), joined(5, "b"), left(6, "c")], at(0))
    assert found.founded
    assert found.memberships == (
        Membership("a", at(0), None),
        Membership("b", at(1), at(2)),
        Membership("b", at(5), None),
        Membership("c", None, at(6)),
    )


def test_day_is_ruled_out_only_between_memberships_that_the_trail_shows() -> None:
    found = history([joined(1.5, "b"), left(3.5, "b"), joined(6, "b")], at(0))
    assert [rules_out(found, "b", day) for day in range(8)] == [True, False, False, False, True, True, False, False]


def test_nothing_is_ruled_out_before_the_trail_begins_or_where_it_is_damaged() -> None:
    acts = [joined(4, "b")]
    assert not rules_out(history(acts, at(2.5)), "b", 2)
    assert rules_out(history(acts, at(2.5)), "b", 3)
    assert not rules_out(history(acts, None), "b", 3)


def test_account_that_the_trail_never_names_is_not_ruled_out() -> None:
    assert not rules_out(history([founded(0, "a")], at(0)), "b", 5)


def test_who_only_left_was_there_before() -> None:
    found = history([left(3, "b")], at(0))
    assert [rules_out(found, "b", day) for day in (0, 2, 3, 4)] == [False, False, False, True]


@pytest.mark.parametrize(
    "act",
    [
        Act("credit", "groups.member.left", at(2), {"account_id": "b"}),
        Act("groups", "groups.tip_off.submitted", at(2), {}),
    ],
)
def test_what_another_service_says_and_what_is_no_membership_changes_nothing(act: Act) -> None:
    assert history([joined(1, "b"), act], at(0)) == history([joined(1, "b")], at(0))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=8), st.integers(0, 9))
def test_no_day_of_an_act_is_ever_ruled_out(changes: list[tuple[bool, int]], day: int) -> None:
    ordered = sorted(changes, key=lambda each: each[1])
    found = history([(joined if comes else left)(when, "b") for comes, when in ordered], at(0))
    if any(when == day for _, when in ordered):
        assert not rules_out(found, "b", day)
