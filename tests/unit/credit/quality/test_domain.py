"""Which appeals are looked at twice, and what it is to agree."""

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from services.credit.appeals.domain import AppealOutcome
from services.credit.quality.domain import KEPT, BlindReview, agree, drawn, record, take
from tests.unit.credit.builders import DAY, NOW

KEY = bytes(32)
REVIEW = BlindReview(review_id=new_id(), appeal_id=new_id(), drawn_at=NOW)


def test_sample_is_of_the_share_that_the_policy_says() -> None:
    appeals = [new_id() for _ in range(2000)]
    assert 100 < sum(drawn(KEY, appeal, 10) for appeal in appeals) < 320
    assert all(drawn(KEY, appeal, 100) for appeal in appeals)
    assert not any(drawn(KEY, appeal, 0) for appeal in appeals)


def test_sample_is_always_the_same_for_a_key_and_another_one_for_another_key() -> None:
    appeals = [new_id() for _ in range(200)]
    sample = [drawn(KEY, appeal, 50) for appeal in appeals]
    assert sample == [drawn(KEY, appeal, 50) for appeal in appeals]
    assert sample != [drawn(secrets.token_bytes(32), appeal, 50) for appeal in appeals]


def test_review_is_lost_to_who_keeps_it_too_long() -> None:
    taken = take(REVIEW, reviewer="rev-2", at=NOW)
    assert REVIEW.waits(at=NOW)
    assert taken.held_by("rev-2", at=NOW + KEPT - DAY)
    assert not taken.held_by("rev-3", at=NOW)
    assert taken.waits(at=NOW + KEPT)
    assert not taken.held_by("rev-2", at=NOW + KEPT)


def test_second_look_is_recorded_once_by_who_has_it_and_with_reasons() -> None:
    taken = take(REVIEW, reviewer="rev-2", at=NOW)

    def recorded(review: BlindReview = taken, reviewer: str = "rev-2", reasons: str = "Seen.") -> BlindReview:
        return record(review, reviewer=reviewer, outcome=AppealOutcome.UPHELD, reasons=reasons, at=NOW + DAY)

    done = recorded()
    assert (done.outcome, done.recorded_at) == (AppealOutcome.UPHELD, NOW + DAY)
    refusals: list[tuple[Callable[[], object], ErrorReason.ValueType]] = [
        (lambda: recorded(done), ErrorReason.ERROR_REASON_WRONG_STATE),
        (lambda: recorded(reviewer="rev-3"), ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED),
        (lambda: recorded(replace(taken, taken_at=NOW - KEPT)), ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED),
        (lambda: recorded(REVIEW), ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED),
        (lambda: recorded(reasons=" "), ErrorReason.ERROR_REASON_REASONS_REQUIRED),
    ]
    for refused, reason in refusals:
        with pytest.raises(Refusal) as caught:
            refused()
        assert caught.value.reason == reason


def test_outcomes_agree_that_leave_the_person_with_the_same() -> None:
    assert agree(AppealOutcome.OVERTURNED, AppealOutcome.REMANDED)
    assert agree(AppealOutcome.UPHELD, AppealOutcome.UPHELD)
    for second in (AppealOutcome.VARIED, AppealOutcome.OVERTURNED):
        assert not agree(AppealOutcome.UPHELD, second)
