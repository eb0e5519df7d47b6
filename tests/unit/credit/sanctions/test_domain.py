from datetime import timedelta

import pytest

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions.domain import Measure, SanctionState, approve, enter_force, record_end, withdraw
from tests.unit.credit.builders import DAY, NOW, approved, in_force, measure, proposed, written


def test_who_proposed_can_not_approve() -> None:
    with pytest.raises(Refusal) as refused:
        approve(proposed(issuer="mod-1"), approver="mod-1", at=NOW)

    assert refused.value.reason == ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED


def test_neither_the_person_concerned_nor_the_reporter_approves() -> None:
    sanction = proposed(reporter_account_id="reporter")

    for account_id, reason in (
        (sanction.subject.id, ErrorReason.ERROR_REASON_OWN_ACCOUNT),
        ("reporter", ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT),
    ):
        with pytest.raises(Refusal) as refused:
            approve(sanction, approver="app-1", own_account_id=account_id, at=NOW)
        assert refused.value.reason == reason
    # Neither a person without an account nor an unknown reporter is anybody.
    assert approve(proposed(), approver="app-1", at=NOW).approver == "app-1"


def test_sanction_is_approved_once() -> None:
    with pytest.raises(Refusal) as refused:
        approve(approved(), approver="app-2", at=NOW)

    assert refused.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_who_proposed_takes_the_proposal_back_and_nobody_else_does() -> None:
    sanction = proposed(issuer="mod-1")

    withdrawn = withdraw(sanction, proposer="mod-1")

    assert withdrawn.state is SanctionState.WITHDRAWN
    assert withdrawn.evidence_set != sanction.evidence_set, "its evidence may found another one"
    with pytest.raises(Refusal) as refused:
        withdraw(sanction, proposer="mod-2")
    assert refused.value.reason == ErrorReason.ERROR_REASON_PROPOSAL_NOT_YOURS
    with pytest.raises(Refusal) as again:
        withdraw(approved(), proposer="mod-1")
    assert again.value.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_end_is_recorded_once_and_only_after_it_came() -> None:
    sanction = in_force(measures=(measure(days=10),))

    assert record_end(sanction, at=NOW + 9 * DAY) is sanction
    ended = record_end(sanction, at=NOW + 11 * DAY)
    assert ended.end_recorded_at == NOW + 11 * DAY
    assert record_end(ended, at=NOW + 12 * DAY) is ended


def test_sanction_without_approval_does_not_enter_into_force() -> None:
    with pytest.raises(Refusal) as refused:
        enter_force(proposed(), delivered_at=NOW)

    assert refused.value.facts["needs"] == "APPROVED"


def test_delivery_opens_the_appeal_window_and_starts_the_points() -> None:
    delivered = NOW + timedelta(hours=3)

    sanction = enter_force(approved(points=3), delivered_at=delivered)

    assert sanction.start == delivered
    assert sanction.appeal_end == delivered + 184 * DAY
    assert sanction.points_end == delivered + 180 * DAY


def test_sanction_without_points_has_no_end_of_points() -> None:
    assert in_force(points=0).points_end is None


def test_sanction_expires_at_the_end_of_its_last_measure() -> None:
    sanction = in_force(measures=(measure(days=10), measure(MeasureKind.WARNED, days=20)))

    assert sanction.state_at(NOW + 20 * DAY - timedelta(microseconds=1)) is SanctionState.IN_FORCE
    assert sanction.state_at(NOW + 20 * DAY) is SanctionState.EXPIRED


def test_sanction_with_a_measure_without_end_does_not_expire() -> None:
    sanction = in_force(measures=(measure(days=10), Measure(MeasureKind.ACCOUNT_CLOSED, None, NOW + 300 * DAY)))

    assert sanction.state_at(NOW + 10_000 * DAY) is SanctionState.IN_FORCE


def test_proposed_sanction_never_expires_into_effect() -> None:
    assert proposed().state_at(NOW + 10_000 * DAY) is SanctionState.PROPOSED


def test_notice_names_neither_staff_nor_reporter() -> None:
    sanction = approved(issuer="mod-17", reporter_account_id="0192f0c1-0000-7000-8000-0000000000aa")

    text = str(written(sanction))

    assert "mod-17" not in text
    assert "app-1" not in text
    assert "0000000000aa" not in text
    assert sanction.statement.facts in text
    assert sanction.statement.rule.clause in text
