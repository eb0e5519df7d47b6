from datetime import timedelta

import pytest

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions import relief
from services.credit.sanctions.domain import Sanction, SanctionState
from services.credit.sanctions.relief import Actor
from tests.unit.credit.builders import DAY, NOW, approved, in_force, measure

ACTOR = Actor("app-2", "", "All were paid.")


def own(sanction: Sanction) -> Actor:
    return Actor("app-2", sanction.subject.id, "All were paid.")


def test_lift_ends_all_measures_and_is_no_end_by_itself() -> None:
    lifted = relief.lift(in_force(), ACTOR, at=NOW + DAY)

    assert lifted.state_at(NOW + DAY) is SanctionState.LIFTED
    assert lifted.end == lifted.end_recorded_at == NOW + DAY


@pytest.mark.parametrize(
    ("sanction", "actor", "reason"),
    [
        (approved(), ACTOR, ErrorReason.ERROR_REASON_WRONG_STATE),
        (in_force(), Actor("app-2", "", " "), ErrorReason.ERROR_REASON_REASONS_REQUIRED),
    ],
)
def test_what_is_not_in_force_or_without_reasons_is_not_eased(
    sanction: Sanction, actor: Actor, reason: ErrorReason.ValueType
) -> None:
    for act in (
        lambda: relief.lift(sanction, actor, at=NOW),
        lambda: relief.vary(sanction, actor, {MeasureKind.PUBLISHING_SUSPENDED: NOW + DAY}, at=NOW),
        lambda: relief.check_stay(sanction, actor, appeal_state="FILED", stayed=False, at=NOW),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.reason == reason


def test_nobody_eases_a_sanction_of_an_own_account() -> None:
    sanction = in_force()

    with pytest.raises(Refusal) as refused:
        relief.lift(sanction, own(sanction), at=NOW)

    assert refused.value.reason == ErrorReason.ERROR_REASON_OWN_ACCOUNT


def test_variation_shortens_what_was_imposed_and_happens_once() -> None:
    imposed = in_force(measures=(measure(days=30), measure(MeasureKind.BLACKLISTED, days=90)))
    sooner = {MeasureKind.PUBLISHING_SUSPENDED: NOW + 10 * DAY}

    varied = relief.vary(imposed, ACTOR, sooner, at=NOW)

    assert varied.terms[0].end == NOW + 10 * DAY
    for again, ends, reason in (
        (varied, sooner, ErrorReason.ERROR_REASON_WRONG_STATE),
        (imposed, {MeasureKind.PUBLISHING_SUSPENDED: NOW + 30 * DAY}, ErrorReason.ERROR_REASON_TERM_REFUSED),
        (imposed, {MeasureKind.PUBLISHING_SUSPENDED: NOW}, ErrorReason.ERROR_REASON_TERM_REFUSED),
        (imposed, {MeasureKind.BLACKLISTED: NOW + DAY}, ErrorReason.ERROR_REASON_MEASURE_NOT_ALLOWED),
        (imposed, {MeasureKind.WARNED: NOW + DAY}, ErrorReason.ERROR_REASON_MEASURE_NOT_ALLOWED),
    ):
        with pytest.raises(Refusal) as refused:
            relief.vary(again, ACTOR, ends, at=NOW)
        assert refused.value.reason == reason


@pytest.mark.parametrize(("appeal_state", "stayed", "state"), [("", False, "NONE"), ("FILED", True, "STAYED")])
def test_stay_needs_an_open_appeal_and_is_not_doubled(appeal_state: str, stayed: bool, state: str) -> None:
    with pytest.raises(Refusal) as refused:
        relief.check_stay(in_force(), ACTOR, appeal_state=appeal_state, stayed=stayed, at=NOW + timedelta(hours=1))

    assert refused.value.facts["state"] == state
