from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from services.credit.appeals.domain import (
    AppealOutcome,
    AppealState,
    Conflict,
    Reviewer,
    answer,
    ask,
    assign,
    conflict_of,
    decide,
    dismiss,
    needs_reviewer,
    prolong,
    recuse,
    tie,
    withdraw,
)
from services.credit.sanctions.domain import overturn
from tests.unit.credit.builders import DAY, NOW, appeal, approved, in_force

REVIEWER = Reviewer("rev-1", "")
OTHER = Reviewer("rev-2", "")


def test_appeal_is_due_by_the_deadline_of_the_policy() -> None:
    filed = appeal(in_force(), at=NOW + DAY)

    assert filed.state is AppealState.FILED
    assert filed.due == NOW + 15 * DAY


def test_appeal_is_filed_until_the_window_closes() -> None:
    sanction = in_force()
    assert sanction.appeal_end is not None

    assert appeal(sanction, at=sanction.appeal_end - timedelta(microseconds=1))
    with pytest.raises(Refusal) as refused:
        appeal(sanction, at=sanction.appeal_end)

    assert refused.value.reason == ErrorReason.ERROR_REASON_APPEAL_WINDOW_CLOSED


def test_expired_sanction_can_still_be_appealed() -> None:
    assert appeal(in_force(), at=NOW + 100 * DAY)


def test_sanction_that_is_not_in_force_can_not_be_appealed() -> None:
    for sanction in (approved(), overturn(in_force(), appeal_id=new_id())):
        with pytest.raises(Refusal) as refused:
            appeal(sanction)
        assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


@pytest.mark.parametrize(
    ("reviewer", "in_group", "conflict"),
    [
        (Reviewer("mod-1", ""), False, "ISSUER"),
        (Reviewer("app-1", ""), False, "APPROVER"),
        (Reviewer("rev-1", "reporter"), False, "REPORTER"),
        (Reviewer("rev-1", "appellant"), False, "APPELLANT"),
        (Reviewer("rev-1", "somebody"), True, "GROUP_MEMBER"),
    ],
)
def test_reviewer_with_a_part_in_the_case_is_refused(reviewer: Reviewer, in_group: bool, conflict: str) -> None:
    sanction = replace(in_force(), reporter_account_id="reporter")
    filed = appeal(sanction, appellant_account_id="appellant")

    assert conflict_of(filed, sanction, reviewer, in_group=in_group) == conflict


def test_unknown_reporter_is_nobody() -> None:
    sanction = in_force()

    assert conflict_of(appeal(sanction), sanction, REVIEWER, in_group=False) is None


def test_reviewer_who_had_the_appeal_never_gets_it_again() -> None:
    sanction = in_force()
    passed_on = assign(recuse(assign(appeal(sanction), reviewer=REVIEWER), reviewer="rev-1"), reviewer=OTHER)

    assert conflict_of(passed_on, sanction, REVIEWER, in_group=False) is Conflict.HAD_IT_BEFORE
    assert conflict_of(recuse(passed_on, reviewer="rev-2"), sanction, OTHER, in_group=False) is Conflict.HAD_IT_BEFORE


def test_who_had_any_part_in_the_case_is_no_reviewer() -> None:
    sanction = in_force()
    tied = tie(appeal(sanction), {"mod-9": Conflict.GROUND})

    assert conflict_of(tied, sanction, Reviewer("mod-9", ""), in_group=False) is Conflict.GROUND
    assert conflict_of(tied, sanction, REVIEWER, in_group=False) is None


def test_reviewer_who_has_had_another_part_since_ends_no_appeal_but_can_give_it_up() -> None:
    sanction = in_force()
    late = tie(assign(appeal(sanction), reviewer=REVIEWER), {"rev-1": Conflict.RELIEF})

    with pytest.raises(Refusal) as decided:
        decide(late, sanction, reviewer="rev-1", outcome=AppealOutcome.UPHELD, reasons="Seen.", at=NOW + DAY)
    with pytest.raises(Refusal) as dismissed:
        dismiss(late, reviewer="rev-1", reasons="Another case.", at=NOW + DAY)

    for refused in (decided.value, dismissed.value):
        assert refused.reason == ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT
        assert refused.facts == {"conflict": "RELIEF"}
    assert recuse(late, reviewer="rev-1").reviewer is None


def test_appeal_is_not_taken_from_a_reviewer_who_is_in_time() -> None:
    assigned = assign(appeal(in_force()), reviewer=REVIEWER)

    assert not needs_reviewer(assigned, at=assigned.due - timedelta(microseconds=1))
    assert needs_reviewer(assigned, at=assigned.due)
    assert needs_reviewer(recuse(assigned, reviewer="rev-1"), at=NOW)


def test_question_is_asked_and_answered_once() -> None:
    assigned = assign(appeal(in_force()), reviewer=REVIEWER)
    asked = ask(assigned, reviewer="rev-1", question="Which day?", at=NOW + 2 * DAY)
    answered = answer(asked, text="Tuesday.", evidence=(), at=NOW + 3 * DAY)

    assert (asked.state, answered.state) == (AppealState.INFO_REQUESTED, AppealState.UNDER_REVIEW)
    assert answered.due == assigned.due
    for wrong in (answered, assigned):
        with pytest.raises(Refusal):
            answer(wrong, text="Again.", evidence=(), at=NOW)
    with pytest.raises(Refusal):
        ask(asked, reviewer="rev-1", question="And?", at=NOW + 2 * DAY)


def test_prolonged_review_moves_no_stay_and_is_given_once_before_the_deadline() -> None:
    assigned = assign(appeal(in_force()), reviewer=REVIEWER)
    prolonged = prolong(assigned, reviewer="rev-1", reasons="A witness is away.", at=NOW + 2 * DAY)

    assert prolonged.prolongation is not None
    assert prolonged.prolongation.until == assigned.due + 14 * DAY
    assert prolonged.stay == assigned.stay
    for again, at in ((prolonged, NOW + 3 * DAY), (assigned, assigned.due)):
        with pytest.raises(Refusal) as refused:
            prolong(again, reviewer="rev-1", reasons="Still away.", at=at)
        assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_appeal_that_ended_goes_nowhere() -> None:
    assigned = assign(appeal(in_force()), reviewer=REVIEWER)
    withdrawn = withdraw(assigned, at=NOW + 2 * DAY)
    dismissed = dismiss(assigned, reviewer="rev-1", reasons="Another case.", at=NOW + 2 * DAY)

    for ended in (withdrawn, dismissed):
        assert ended.stay is None
        for act in (
            lambda ended=ended: withdraw(ended, at=NOW),
            lambda ended=ended: recuse(ended, reviewer="rev-1"),
            lambda ended=ended: dismiss(ended, reviewer="rev-1", reasons="Again.", at=NOW),
            lambda ended=ended: needs_reviewer(ended, at=NOW + 100 * DAY),
        ):
            with pytest.raises(Refusal) as refused:
                act()
            assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE
    with pytest.raises(Refusal) as silent:
        dismiss(assigned, reviewer="rev-1", reasons=" ", at=NOW)
    assert silent.value.reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED


def test_appeal_passes_to_another_reviewer_who_alone_decides() -> None:
    sanction = in_force()
    first = assign(appeal(sanction), reviewer=REVIEWER)
    second = assign(first, reviewer=Reviewer("rev-2", ""))

    with pytest.raises(Refusal) as refused:
        decide(second, sanction, reviewer="rev-1", outcome=AppealOutcome.UPHELD, reasons="It stands.", at=NOW + 2 * DAY)

    assert refused.value.reason == ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED


@pytest.mark.parametrize("reasons", ["", "  \n"])
def test_decision_without_reasons_is_refused(reasons: str) -> None:
    sanction = in_force()
    assigned = assign(appeal(sanction), reviewer=REVIEWER)

    with pytest.raises(Refusal) as refused:
        decide(assigned, sanction, reviewer="rev-1", outcome=AppealOutcome.UPHELD, reasons=reasons, at=NOW + 2 * DAY)

    assert refused.value.reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED


def test_appeal_that_nobody_reviews_or_that_is_decided_is_not_decided() -> None:
    sanction = in_force()
    filed = appeal(sanction)
    assigned = assign(filed, reviewer=REVIEWER)
    decided = decide(
        assigned, sanction, reviewer="rev-1", outcome=AppealOutcome.UPHELD, reasons="It stands.", at=NOW + 2 * DAY
    )

    for wrong in (filed, decided):
        with pytest.raises(Refusal) as refused:
            decide(wrong, sanction, reviewer="rev-1", outcome=AppealOutcome.UPHELD, reasons="Again.", at=NOW + 3 * DAY)
        assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_sanction_that_fell_meanwhile_can_not_be_upheld() -> None:
    sanction = in_force()
    assigned = assign(appeal(sanction), reviewer=REVIEWER)
    fallen = overturn(sanction, appeal_id=new_id())

    with pytest.raises(Refusal) as refused:
        decide(assigned, fallen, reviewer="rev-1", outcome=AppealOutcome.UPHELD, reasons="No.", at=NOW + 2 * DAY)

    assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


@given(st.integers(1, 60 * 24), st.integers(0, 61 * 24))
def test_sanction_is_stayed_exactly_while_the_appeal_is_overdue(decided_after: int, hours: int) -> None:
    at, decided_at = NOW + timedelta(hours=hours), NOW + timedelta(hours=decided_after)
    filed = appeal(in_force(), at=NOW)
    decided = replace(filed, state=AppealState.DECIDED, decided_at=decided_at)

    assert filed.stay is not None
    assert filed.stay.covers(at) == (at >= filed.due)
    assert (decided.stay is not None and decided.stay.covers(at)) == (filed.due <= at < decided_at)
