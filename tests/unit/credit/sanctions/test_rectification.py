import pytest

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions import relief
from services.credit.sanctions.domain import Sanction, overturn
from services.credit.sanctions.rectification import RectificationState, rectify, state_of
from services.credit.sanctions.relief import Actor
from services.credit.standings.domain import Stay
from tests.unit.credit.builders import DAY, NOW, approved, in_force, measure

ACTOR = Actor("mod-2", "", "")
PROOF = "0" * 64


def an_order() -> Sanction:
    return in_force(measures=(measure(MeasureKind.RECTIFICATION_ORDERED, days=10), measure(days=20)))


def test_order_is_open_until_its_date_and_then_done_or_missed() -> None:
    order = an_order()
    done = rectify(order, None, ACTOR, proof_sha256=PROOF, at=NOW + 9 * DAY)

    assert state_of(order, None, NOW) is RectificationState.ORDERED
    assert state_of(order, None, NOW + 10 * DAY) is RectificationState.MISSED
    assert state_of(done, None, NOW + 30 * DAY) is RectificationState.DONE
    assert done.terms == order.terms


def test_what_does_not_bind_is_neither_done_nor_missed() -> None:
    order = an_order()
    lifted = relief.lift(order, Actor("app-2", "", "Paid."), at=NOW + DAY)
    stayed = Stay(NOW + 5 * DAY, None)

    for sanction, stay in ((in_force(), None), (approved(), None), (lifted, None), (order, stayed)):
        assert state_of(sanction, stay, NOW + 11 * DAY) is None
    assert state_of(overturn(order, appeal_id="appeal-1"), None, NOW + 11 * DAY) is None


@pytest.mark.parametrize(("days", "state"), [(10, "MISSED"), (9, "DONE")])
def test_order_is_put_right_once_and_in_time(days: int, state: str) -> None:
    order = an_order()
    done = rectify(order, None, ACTOR, proof_sha256=PROOF, at=NOW)

    with pytest.raises(Refusal) as refused:
        rectify(done if state == "DONE" else order, None, ACTOR, proof_sha256=PROOF, at=NOW + days * DAY)

    assert refused.value.facts["state"] == state


def test_nobody_puts_right_for_an_own_account() -> None:
    order = an_order()

    with pytest.raises(Refusal) as refused:
        rectify(order, None, Actor("mod-2", order.subject.id, ""), proof_sha256=PROOF, at=NOW)

    assert refused.value.reason == ErrorReason.ERROR_REASON_OWN_ACCOUNT
