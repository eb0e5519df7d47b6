from datetime import timedelta
from typing import Any

import pytest

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions.domain import Capacity, SanctionState, enter_force
from services.credit.sanctions.interim import INTERIM_HOURS_MOST, decides_on, replaced
from tests.unit.credit.builders import DAY, NOW, account, evidence, group, in_force, interim, measure, proposed, reasons

HOUR = timedelta(hours=1)


def refused(**changes: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        interim(**changes)
    return caught.value


def test_one_person_imposes_it_with_reasons_and_without_points() -> None:
    imposed = enter_force(interim(hours=INTERIM_HOURS_MOST), delivered_at=NOW)

    assert (imposed.state, imposed.approver, imposed.points) == (SanctionState.IN_FORCE, "", 0)
    assert imposed.interim_until == imposed.end == NOW + 72 * HOUR
    assert imposed.appeal_end == NOW + 184 * DAY
    assert imposed.state_at(NOW + 72 * HOUR) is SanctionState.EXPIRED


@pytest.mark.parametrize("hours", [-1, 0, INTERIM_HOURS_MOST + 0.01])
def test_term_that_is_over_or_longer_than_three_days_is_refused(hours: float) -> None:
    refusal = refused(hours=hours)

    assert refusal.reason == ErrorReason.ERROR_REASON_TERM_REFUSED
    assert refusal.facts["hours_most"] == "72"


@pytest.mark.parametrize(
    "kind",
    [
        MeasureKind.WARNED,
        MeasureKind.RECTIFICATION_ORDERED,
        MeasureKind.MANAGEMENT_CANCELLED,
        MeasureKind.GROUP_CREATION_CANCELLED,
        MeasureKind.ACCOUNT_CLOSED,
        MeasureKind.BLACKLISTED,
    ],
)
def test_what_punishes_or_can_not_be_given_back_takes_a_decision(kind: MeasureKind) -> None:
    refusal = refused(measures=(measure(kind, days=1),))

    assert refusal.reason == ErrorReason.ERROR_REASON_MEASURE_NOT_ALLOWED
    assert "PUBLISHING_SUSPENDED" in refusal.satisfy


def test_reasons_are_demanded_as_of_a_decision() -> None:
    assert refused(reasons=reasons(facts=" ")).reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED
    assert refused(reasons=reasons(evidence=())).reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED
    assert refused(reasons=reasons(rule_id="rudeness")).reason == ErrorReason.ERROR_REASON_RULE_UNKNOWN
    twice = (measure(days=1), measure(days=1))
    assert refused(measures=twice).violations[0].path == "measures"
    before = reasons(act_at=NOW - 400 * DAY)
    assert refused(reasons=before).reason == ErrorReason.ERROR_REASON_ACT_BEFORE_POLICY


def test_breach_of_duty_takes_a_decision() -> None:
    refusal = refused(capacity=Capacity.FOUNDER, group_id="group-1", duty_notice_id="notice-1")

    assert refusal.reason == ErrorReason.ERROR_REASON_CAPACITY_REFUSED


def test_nobody_imposes_it_on_an_own_account_or_twice_for_the_same_facts() -> None:
    subject = account()

    assert refused(subject=subject, own_account_id=subject.id).reason == ErrorReason.ERROR_REASON_OWN_ACCOUNT
    again = refused(known="sanction-1")
    assert (again.reason, again.facts["sanction_id"]) == (ErrorReason.ERROR_REASON_EVIDENCE_REUSED, "sanction-1")


def test_decision_on_the_same_facts_and_subject_takes_its_place() -> None:
    subject, shared = account(), (evidence(),)
    imposed = enter_force(interim(subject=subject, reasons=reasons(evidence=shared)), delivered_at=NOW)
    decision = in_force(subject=subject, reasons=reasons(evidence=(*shared, evidence())))

    assert decides_on(decision, imposed, at=NOW)
    ended = replaced(imposed, decision, at=NOW + HOUR)
    assert ended.state_at(NOW + HOUR) is SanctionState.REPLACED
    assert ended.end == NOW + HOUR
    assert not decides_on(decision, ended, at=NOW + HOUR)


def test_other_facts_or_another_subject_leave_it_be() -> None:
    subject, shared = account(), (evidence(),)
    imposed = enter_force(interim(subject=subject, reasons=reasons(evidence=shared)), delivered_at=NOW)

    assert not decides_on(in_force(subject=subject), imposed, at=NOW)
    assert not decides_on(in_force(reasons=reasons(evidence=shared)), imposed, at=NOW)
    assert not decides_on(imposed, imposed, at=NOW), "an interim measure decides nothing"
    assert not decides_on(in_force(subject=subject, reasons=reasons(evidence=shared)), imposed, at=NOW + 3 * DAY)


def test_group_may_be_suspended_until_there_is_a_decision() -> None:
    assert interim(subject=group(), measures=(measure(MeasureKind.GROUP_SUSPENDED, days=1),)).interim_until


def test_nothing_rests_on_it() -> None:
    subject = account()
    imposed = enter_force(interim(subject=subject), delivered_at=NOW)

    with pytest.raises(Refusal) as refusal:
        proposed(subject=subject, priors=(imposed,))

    assert refusal.value.reason == ErrorReason.ERROR_REASON_PRIOR_SANCTION_REFUSED
