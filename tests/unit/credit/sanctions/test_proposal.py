from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions.domain import Capacity, Measure, SanctionState, overturn
from services.credit.subjects import Subject, SubjectKind
from tests.unit.credit.builders import (
    DAY,
    NOW,
    account,
    breach,
    evidence,
    group,
    in_force,
    measure,
    pack,
    proposed,
    reasons,
)


def refused(**changes: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        proposed(**changes)
    return caught.value


def test_proposal_that_meets_every_rule_pins_the_rule_as_it_stands() -> None:
    sanction = proposed()

    rule = pack().credit.rule("harassment")
    assert rule is not None
    pinned = sanction.statement.rule
    assert sanction.state is SanctionState.PROPOSED
    assert (pinned.clause, pinned.clause_hash, pinned.category) == (rule.clause, rule.clause_hash, rule.category)
    assert (pinned.policy_id, pinned.policy_hash) == (pack().id, pack().content_hash)
    assert pinned.appeal_window_days == 184
    assert sanction.start is None


@pytest.mark.parametrize("missing", ["facts", "explanation", "proportionality_note", "how_to_restore"])
@pytest.mark.parametrize("blank", ["", " \n\t"])
def test_sanction_without_a_reason_is_refused(missing: str, blank: str) -> None:
    refusal = refused(reasons=reasons(**{missing: blank}))

    assert refusal.reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED
    assert refusal.facts["missing"] == missing
    assert refusal.violations[0].path == f"reasons.{missing}"


@pytest.mark.parametrize(
    ("changes", "missing"),
    [({"rule_id": ""}, "rule_id"), ({"act_at": None}, "act_time"), ({"evidence": ()}, "evidence")],
)
def test_sanction_without_rule_date_or_evidence_is_refused(changes: dict[str, Any], missing: str) -> None:
    refusal = refused(reasons=reasons(**changes))

    assert refusal.reason == ErrorReason.ERROR_REASON_REASONS_REQUIRED
    assert refusal.facts["missing"] == missing


def test_act_in_the_future_is_refused() -> None:
    assert refused(reasons=reasons(act_at=NOW + timedelta(seconds=1))).violations[0].path == "reasons.act_time"


def test_act_before_the_policy_is_refused_and_the_instant_of_its_effect_is_not() -> None:
    effective = pack().effective_at

    refusal = refused(reasons=reasons(act_at=effective - timedelta(microseconds=1)))

    assert refusal.reason == ErrorReason.ERROR_REASON_ACT_BEFORE_POLICY
    assert refusal.facts["effective_time"] == effective.isoformat()
    assert proposed(reasons=reasons(act_at=effective)).state is SanctionState.PROPOSED


def test_unknown_rule_is_refused_with_the_known_ones() -> None:
    refusal = refused(reasons=reasons(rule_id="rudeness"))

    assert refusal.reason == ErrorReason.ERROR_REASON_RULE_UNKNOWN
    assert "harassment" in refusal.satisfy


def test_measure_without_an_end_is_refused() -> None:
    refusal = refused(measures=(measure(days=None),))

    assert refusal.reason == ErrorReason.ERROR_REASON_END_REQUIRED
    assert refusal.satisfy == "end_time"


def test_review_date_takes_the_place_of_an_end_only_where_the_policy_allows_it() -> None:
    reviewed = NOW + 300 * DAY
    refusal = refused(measures=(Measure(MeasureKind.ACCOUNT_SUSPENDED, None, reviewed),))
    assert refusal.reason == ErrorReason.ERROR_REASON_END_REQUIRED

    sanction = proposed(measures=(Measure(MeasureKind.ACCOUNT_CLOSED, None, reviewed), measure()))
    assert sanction.end is None
    assert sanction.review == reviewed


def test_bar_on_other_accounts_comes_with_an_entry_of_an_account_and_ends_within_its_bounds() -> None:
    listed = (measure(MeasureKind.BLACKLISTED, days=100),)
    for days in (100, 1825):
        assert proposed(measures=listed, register_again=NOW + days * DAY).register_again == NOW + days * DAY
    for days in (99, 1826):
        refusal = refused(measures=listed, register_again=NOW + days * DAY)
        assert refusal.reason == ErrorReason.ERROR_REASON_TERM_REFUSED
        assert refusal.violations[0].path == "register_again_time"
    for changes in ({"measures": (measure(),)}, {"measures": listed, "subject": group()}):
        refusal = refused(register_again=NOW + 100 * DAY, **changes)
        assert (refusal.reason, refusal.facts["field"]) == (
            ErrorReason.ERROR_REASON_INVALID_FIELD,
            "register_again_time",
        )


def test_blacklisting_without_a_term_is_refused() -> None:
    refusal = refused(measures=(Measure(MeasureKind.BLACKLISTED, None, NOW + DAY),))

    assert refusal.reason == ErrorReason.ERROR_REASON_END_REQUIRED


@pytest.mark.parametrize(
    "measured",
    [
        measure(days=0),
        measure(days=91),
        measure(MeasureKind.BLACKLISTED, days=1826),
        Measure(MeasureKind.ACCOUNT_CLOSED, None, NOW),
        Measure(MeasureKind.ACCOUNT_CLOSED, None, NOW + 366 * DAY),
    ],
)
def test_term_that_is_over_or_beyond_the_cap_is_refused(measured: Measure) -> None:
    refusal = refused(measures=(measured,))

    assert refusal.reason == ErrorReason.ERROR_REASON_TERM_REFUSED
    assert refusal.facts["measure"] == measured.kind


@pytest.mark.parametrize(
    ("subject", "rule_id", "kind"),
    [
        (account(), "harassment", MeasureKind.GROUP_CLOSED),
        (account(), "harassment", MeasureKind.GROUP_SUSPENDED),
        (group(), "harassment", MeasureKind.MANAGEMENT_SUSPENDED),
        (group(), "harassment", MeasureKind.ACCOUNT_CLOSED),
        (account(), "spam", MeasureKind.ACCOUNT_CLOSED),
    ],
)
def test_measure_that_rule_or_subject_does_not_allow_is_refused(
    subject: Subject, rule_id: str, kind: MeasureKind
) -> None:
    points = 1 if subject.kind is SubjectKind.ACCOUNT else 0
    refusal = refused(
        subject=subject, reasons=reasons(rule_id=rule_id), points=points, measures=(measure(kind, days=1),)
    )

    assert refusal.reason == ErrorReason.ERROR_REASON_MEASURE_NOT_ALLOWED
    assert kind not in refusal.satisfy.split(", ")


def test_kind_of_measure_given_twice_is_refused() -> None:
    assert refused(measures=(measure(days=1), measure(days=2))).violations[0].path == "measures"


@pytest.mark.parametrize(("subject", "points"), [(account(), 7), (account(), -1), (group(), 1)])
def test_points_outside_of_the_range_are_refused(subject: Subject, points: int) -> None:
    assert refused(subject=subject, points=points).reason == ErrorReason.ERROR_REASON_POINTS_REFUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": group(), "capacity": Capacity.MEMBER, "group_id": new_id()},
        {"subject": account(), "capacity": Capacity.GROUP},
        {"subject": account(), "capacity": Capacity.MEMBER},
        {"subject": account(), "capacity": Capacity.FOUNDER, "duty_notice_id": new_id()},
        {"subject": account(), "capacity": Capacity.ACCOUNT, "group_id": new_id()},
        {"subject": account(), "capacity": Capacity.MEMBER, "group_id": new_id(), "duty_notice_id": new_id()},
    ],
)
def test_capacity_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    assert refused(**changes).reason == ErrorReason.ERROR_REASON_CAPACITY_REFUSED


@pytest.mark.parametrize("capacity", [Capacity.FOUNDER, Capacity.MANAGER])
@pytest.mark.parametrize("notice_id", ["", new_id()], ids=["no notice", "a notice"])
def test_owner_without_a_recorded_breach_is_not_sanctioned(capacity: Capacity, notice_id: str) -> None:
    refusal = refused(capacity=capacity, group_id=new_id(), duty_notice_id=notice_id)

    assert refusal.reason == ErrorReason.ERROR_REASON_OWNER_BREACH_REQUIRED


def test_owner_is_not_sanctioned_for_a_breach_that_the_proposal_does_not_name() -> None:
    group_id = new_id()

    refusal = refused(capacity=Capacity.FOUNDER, group_id=group_id, recorded=breach(group_id, new_id()))

    assert refusal.reason == ErrorReason.ERROR_REASON_OWNER_BREACH_REQUIRED


def test_owner_with_a_recorded_breach_is_sanctioned_with_the_breach_in_the_statement() -> None:
    group_id, notice_id = new_id(), new_id()
    recorded = breach(group_id, notice_id)

    sanction = proposed(capacity=Capacity.FOUNDER, group_id=group_id, duty_notice_id=notice_id, recorded=recorded)

    assert sanction.statement.duty_breach == recorded


def test_prior_decisions_take_the_place_of_evidence_and_are_cited_with_their_points() -> None:
    subject = account()
    prior = in_force(subject=subject)

    sanction = proposed(subject=subject, priors=(prior,), reasons=reasons(evidence=()))

    cited = sanction.statement.prior_decisions[0]
    assert (cited.sanction_id, cited.points, cited.points_end) == (prior.sanction_id, prior.points, prior.points_end)


def test_group_may_rest_on_what_happened_in_it_and_its_founder_on_the_group() -> None:
    chat = group()
    member = in_force(capacity=Capacity.MEMBER, group_id=chat.id)
    assert proposed(subject=chat, priors=(member,)).statement.prior_decisions

    notice_id = new_id()
    of_group = in_force(subject=chat)
    founder = proposed(
        capacity=Capacity.FOUNDER,
        group_id=chat.id,
        duty_notice_id=notice_id,
        recorded=breach(chat.id, notice_id),
        priors=(of_group,),
    )
    assert founder.statement.prior_decisions


def test_conduct_of_others_founds_nothing() -> None:
    chat = group()
    of_group = in_force(subject=chat)
    assert refused(priors=(in_force(),)).reason == ErrorReason.ERROR_REASON_PRIOR_SANCTION_REFUSED
    refusal = refused(capacity=Capacity.MEMBER, group_id=chat.id, priors=(of_group,))
    assert refusal.reason == ErrorReason.ERROR_REASON_PRIOR_SANCTION_REFUSED


def test_sanction_that_is_not_in_force_founds_nothing() -> None:
    subject = account()
    fallen = overturn(in_force(subject=subject), appeal_id=new_id())
    assert refused(subject=subject, priors=(fallen,)).facts["state"] == "OVERTURNED"
    assert refused(subject=subject, priors=(proposed(subject=subject),)).facts["state"] == "PROPOSED"
    expired = in_force(subject=subject, measures=(measure(days=10),))
    later = replace(measure(), end=NOW + 50 * DAY)
    over = refused(subject=subject, priors=(expired,), counting={}, measures=(later,), at=NOW + 10 * DAY)
    assert over.facts["state"] == "EXPIRED"


def test_points_that_count_found_a_decision_when_their_measures_are_over_and_are_cited_as_they_are_left() -> None:
    subject = account()
    expired = in_force(subject=subject, measures=(measure(days=10),), points=3)
    left = {expired.sanction_id: 2}
    later = replace(measure(), end=NOW + 50 * DAY)

    sanction = proposed(subject=subject, priors=(expired,), counting=left, measures=(later,), at=NOW + 10 * DAY)

    (cited,) = sanction.statement.prior_decisions
    assert (cited.points, cited.points_end) == (2, expired.points_end)


def test_the_same_evidence_is_the_same_set_in_any_order_and_number() -> None:
    one, other = evidence(), evidence()
    subject = account()

    first = proposed(subject=subject, reasons=reasons(evidence=(one, other)))
    second = proposed(subject=subject, reasons=reasons(evidence=(other, one, other)))
    third = proposed(subject=subject, reasons=reasons(evidence=(one,)))

    assert first.evidence_set == second.evidence_set
    assert first.evidence_set != third.evidence_set
