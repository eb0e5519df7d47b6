from dataclasses import replace
from datetime import timedelta
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
    check_hand_over,
    conclude,
    destroy,
    mark_for_correction,
    propose,
)
from services.credit.sanctions.domain import Sanction, enter_force, overturn
from tests.unit.credit.builders import DAY, NOW, approved, in_force, interim

TERM = 365 * DAY


def referral(sanction: Sanction, **changes: Any) -> Referral:
    return propose(
        sanction,
        referral_id=new_id(),
        authority="Public Prosecutor, Exampleville",
        legal_basis="Criminal Procedure Act s. 158",
        fields=(ReferralField.ACT_TIME, ReferralField.RULE),
        proposer="mod-1",
        term=TERM,
        at=NOW,
        **changes,
    )


def refused(act: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value


def test_only_a_sanction_in_force_is_referred() -> None:
    assert referral(in_force()).state is ReferralState.PROPOSED
    undecided = enter_force(interim(), delivered_at=NOW)
    for sanction in (approved(), overturn(in_force(), appeal_id=new_id()), undecided):
        assert refused(lambda sanction=sanction: referral(sanction)).reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_person_concerned_is_told_within_a_year() -> None:
    sanction = in_force()

    late = refused(lambda: referral(sanction, notify_at=NOW + 366 * DAY))

    assert late.facts["field"] == "notify_time"
    assert referral(sanction, notify_at=NOW + 365 * DAY).notify_at == NOW + 365 * DAY


def test_referral_needs_a_second_person() -> None:
    sanction = in_force()
    proposed = referral(sanction)

    same = refused(lambda: approve(proposed, sanction, approver="mod-1", term=TERM, at=NOW))
    assert same.reason == ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED

    second = approve(proposed, sanction, approver="app-1", term=TERM, at=NOW)
    assert second.state is ReferralState.APPROVED
    again = refused(lambda: approve(second, sanction, approver="app-2", term=TERM, at=NOW))
    assert again.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_referral_of_an_overturned_sanction_is_not_approved() -> None:
    sanction = in_force()
    fallen = overturn(sanction, appeal_id=new_id())

    refusal = refused(lambda: approve(referral(sanction), fallen, approver="app-1", term=TERM, at=NOW))

    assert refusal.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_outcome_is_recorded_once_and_only_after_approval() -> None:
    sanction = in_force()
    proposed = referral(sanction)
    early = refused(lambda: conclude(proposed, outcome=ReferralOutcome.DECLINED, reference="", term=TERM, at=NOW))
    assert early.reason == ErrorReason.ERROR_REASON_WRONG_STATE

    second = approve(proposed, sanction, approver="app-1", term=TERM, at=NOW)
    concluded = conclude(second, outcome=ReferralOutcome.TAKEN_UP, reference="Js 1/26", term=TERM, at=NOW)
    assert (concluded.state, concluded.reference) == (ReferralState.CONCLUDED, "Js 1/26")
    again = refused(lambda: conclude(concluded, outcome=ReferralOutcome.DECLINED, reference="", term=TERM, at=NOW))
    assert again.reason == ErrorReason.ERROR_REASON_WRONG_STATE


def test_correction_leaves_the_referral_on_file() -> None:
    proposed = referral(in_force())

    marked = mark_for_correction(proposed, term=TERM, at=NOW)

    assert marked.correction_at == NOW
    assert (marked.referral_id, marked.state) == (proposed.referral_id, proposed.state)


def test_each_act_begins_the_term_anew_and_the_notice_does_not_end_after_it() -> None:
    sanction = in_force()
    proposed = referral(sanction, notify_at=NOW + 30 * DAY)
    assert proposed.kept_until == NOW + 30 * DAY + TERM
    second = approve(proposed, sanction, approver="app-1", term=TERM, at=NOW + DAY)
    assert second.kept_until == NOW + 30 * DAY + TERM
    told = conclude(second, outcome=ReferralOutcome.DECLINED, reference="", term=TERM, at=NOW + 90 * DAY)
    assert told.kept_until == NOW + 90 * DAY + TERM
    assert mark_for_correction(told, term=TERM, at=NOW + 100 * DAY).kept_until == NOW + 100 * DAY + TERM
    shorter = mark_for_correction(told, term=DAY, at=NOW + 100 * DAY)
    assert shorter.kept_until == told.kept_until, "a shorter policy takes nothing back of what was said"


def test_referral_is_destroyed_at_the_end_of_its_term_and_its_certificate_pins_what_it_said() -> None:
    sanction = in_force()
    kept = approve(referral(sanction), sanction, approver="app-1", term=TERM, at=NOW)
    assert destroy(kept, at=NOW + TERM - timedelta(microseconds=1)) is None

    certificate = destroy(kept, at=NOW + TERM)

    assert certificate is not None
    assert (certificate.record_sha256, certificate.approved_at) == (kept.sha256, NOW)
    assert replace(kept, legal_basis="s. 159").sha256 != kept.sha256
    assert replace(kept, approved_at=NOW + timedelta(microseconds=1)).sha256 != kept.sha256


def test_only_an_approved_referral_of_a_standing_sanction_is_handed_over() -> None:
    sanction = in_force()
    proposed = referral(sanction)
    second = approve(proposed, sanction, approver="app-1", term=TERM, at=NOW)
    concluded = conclude(second, outcome=ReferralOutcome.TAKEN_UP, reference="", term=TERM, at=NOW)
    check_hand_over(second, sanction)
    fallen = overturn(sanction, appeal_id=new_id())
    for each, of in ((proposed, sanction), (concluded, sanction), (second, fallen)):
        refusal = refused(lambda each=each, of=of: check_hand_over(each, of))
        assert refusal.reason == ErrorReason.ERROR_REASON_WRONG_STATE
