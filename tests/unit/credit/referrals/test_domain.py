from typing import Any

import pytest

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from services.credit.referrals.domain import (
    Referral,
    ReferralField,
    ReferralOutcome,
    ReferralState,
    approve,
    conclude,
    mark_for_correction,
    propose,
)
from services.credit.sanctions.domain import Sanction, overturn
from tests.unit.credit.builders import DAY, NOW, approved, in_force


def referral(sanction: Sanction, **changes: Any) -> Referral:
    return propose(
        sanction,
        referral_id=new_id(),
        authority="Public Prosecutor, Exampleville",
        legal_basis="Criminal Procedure Act s. 158",
        fields=(ReferralField.ACT_TIME, ReferralField.RULE),
        proposer="mod-1",
        at=NOW,
        **changes,
    )


def refused(act: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value


def test_only_a_sanction_in_force_is_referred() -> None:
    assert referral(in_force()).state is ReferralState.PROPOSED
    for sanction in (approved(), overturn(in_force(), appeal_id=new_id())):
        assert refused(lambda sanction=sanction: referral(sanction)).reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_person_concerned_is_told_within_a_year() -> None:
    sanction = in_force()

    late = refused(lambda: referral(sanction, notify_at=NOW + 366 * DAY))

    assert late.facts["field"] == "notify_time"
    assert referral(sanction, notify_at=NOW + 365 * DAY).notify_at == NOW + 365 * DAY


def test_referral_needs_a_second_person() -> None:
    sanction = in_force()
    proposed = referral(sanction)

    same = refused(lambda: approve(proposed, sanction, approver="mod-1", at=NOW))
    assert same.reason == ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED

    second = approve(proposed, sanction, approver="app-1", at=NOW)
    assert second.state is ReferralState.APPROVED
    again = refused(lambda: approve(second, sanction, approver="app-2", at=NOW))
    assert again.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_referral_of_an_overturned_sanction_is_not_approved() -> None:
    sanction = in_force()
    fallen = overturn(sanction, appeal_id=new_id())

    refusal = refused(lambda: approve(referral(sanction), fallen, approver="app-1", at=NOW))

    assert refusal.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_outcome_is_recorded_once_and_only_after_approval() -> None:
    sanction = in_force()
    proposed = referral(sanction)
    early = refused(lambda: conclude(proposed, outcome=ReferralOutcome.DECLINED, reference="", at=NOW))
    assert early.reason == ErrorReason.ERROR_REASON_WRONG_STATE

    second = approve(proposed, sanction, approver="app-1", at=NOW)
    concluded = conclude(second, outcome=ReferralOutcome.TAKEN_UP, reference="Js 1/26", at=NOW)
    assert (concluded.state, concluded.reference) == (ReferralState.CONCLUDED, "Js 1/26")
    again = refused(lambda: conclude(concluded, outcome=ReferralOutcome.DECLINED, reference="", at=NOW))
    assert again.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_correction_leaves_the_referral_on_file() -> None:
    proposed = referral(in_force())

    marked = mark_for_correction(proposed, NOW)

    assert marked.correction_at == NOW
    assert (marked.referral_id, marked.state) == (proposed.referral_id, proposed.state)
