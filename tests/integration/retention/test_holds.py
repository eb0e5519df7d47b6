from datetime import timedelta
from typing import TYPE_CHECKING

from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.retention.v1.hold_service_pb2 import (
    HOLD_EVENT_KIND_APPROVED,
    HOLD_EVENT_KIND_PLACED,
    HOLD_EVENT_KIND_PROLONGED,
    HOLD_EVENT_KIND_PROLONGING_PROPOSED,
    HOLD_EVENT_KIND_RELEASE_PROPOSED,
    HOLD_EVENT_KIND_RELEASED,
    HOLD_STATE_ACTIVE,
    HOLD_STATE_PLACED,
    HOLD_STATE_RELEASED,
    ApproveHoldRequest,
    Hold,
    HoldEvent,
    ListHoldRegisterRequest,
    ListHoldsRequest,
    PlaceHoldRequest,
    ProlongHoldRequest,
    RegisteredHoldEvent,
    ReleaseHoldRequest,
)
from ombud.retention.v1.hold_service_pb2_grpc import HoldServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_event
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention
from tests.integration.retention.test_access import scope
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

if TYPE_CHECKING:  # the stubs of asynchronous channels exist for type checkers alone
    from ombud.retention.v1.hold_service_pb2_grpc import HoldServiceAsyncStub

DAYS = timedelta(days=1)


def officer(retention: Retention, staff: str = "officer-1") -> "HoldServiceAsyncStub":
    return HoldServiceStub(retention.channel(role="records_officer", staff=staff))


def approver(retention: Retention, staff: str = "approver-1") -> "HoldServiceAsyncStub":
    return HoldServiceStub(retention.channel(role="records_approver", staff=staff))


def wish(clock: ManualClock, *groups: str, days: int = 30) -> PlaceHoldRequest:
    return PlaceHoldRequest(
        request_id=new_id(),
        case_id="case-7",
        legal_basis="court order 12 Gs 345/26",
        scope=scope(clock, *groups),
        review_time=timestamp(clock.now() + days * DAYS),
    )


async def placed(retention: Retention, clock: ManualClock, *groups: str) -> Hold:
    """A hold that two persons placed."""
    hold = (await officer(retention).PlaceHold(wish(clock, *groups))).hold
    approval = ApproveHoldRequest(request_id=new_id(), hold_id=hold.hold_id)
    return (await approver(retention).ApproveHold(approval)).hold


async def test_two_persons_place_prolong_and_release_and_each_act_is_proved(
    retention: Retention, clock: ManualClock
) -> None:
    asked = (await officer(retention).PlaceHold(wish(clock, GROUP, OTHER_GROUP))).hold
    assert (asked.state, asked.approver) == (HOLD_STATE_PLACED, "")
    hold_id, stub = asked.hold_id, officer(retention, "officer-2")

    async def approve() -> Hold:
        return (await approver(retention).ApproveHold(ApproveHoldRequest(request_id=new_id(), hold_id=hold_id))).hold

    assert (await approve()).state == HOLD_STATE_ACTIVE
    later = timestamp(clock.now() + 200 * DAYS)
    await stub.ProlongHold(ProlongHoldRequest(request_id=new_id(), hold_id=hold_id, review_time=later))
    assert (await approve()).review_time == later
    await stub.ReleaseHold(ReleaseHoldRequest(request_id=new_id(), hold_id=hold_id))
    released = await approve()
    assert released.state == HOLD_STATE_RELEASED

    async def sealed() -> list[RegisteredHoldEvent]:
        events = list((await stub.ListHoldRegister(ListHoldRegisterRequest(hold_id=hold_id))).events)
        return events if all(each.state == PROOF_STATE_SEALED for each in events) else []

    events = await eventually(sealed)
    assert [each.event.kind for each in events] == [
        HOLD_EVENT_KIND_PLACED,
        HOLD_EVENT_KIND_APPROVED,
        HOLD_EVENT_KIND_PROLONGING_PROPOSED,
        HOLD_EVENT_KIND_PROLONGED,
        HOLD_EVENT_KIND_RELEASE_PROPOSED,
        HOLD_EVENT_KIND_RELEASED,
    ]
    acted = ["officer-1", "approver-1", "officer-2", "approver-1", "officer-2", "approver-1"]
    assert [each.event.staff_id for each in events] == acted
    for each in events:
        assert HoldEvent.FromString(verify_event(each.proof, retention.verifier_key).statement) == each.event
    assert [hold.hold_id for hold in (await stub.ListHolds(ListHoldsRequest())).holds] == [hold_id]


async def test_placer_cannot_approve_and_releaser_cannot_either(retention: Retention, clock: ManualClock) -> None:
    hold = (await officer(retention).PlaceHold(wish(clock))).hold

    def approval() -> ApproveHoldRequest:
        return ApproveHoldRequest(request_id=new_id(), hold_id=hold.hold_id)

    refused = await refusal_of(approver(retention, "officer-1").ApproveHold(approval()))
    assert (refused.reason, refused.facts["first_part"]) == ("SECOND_PERSON_REQUIRED", "placing")
    await approver(retention).ApproveHold(approval())
    await officer(retention).ReleaseHold(ReleaseHoldRequest(request_id=new_id(), hold_id=hold.hold_id))
    refused = await refusal_of(approver(retention, "officer-1").ApproveHold(approval()))
    assert (refused.reason, refused.facts["first_part"]) == ("SECOND_PERSON_REQUIRED", "release")


async def test_hold_without_a_review_within_a_year_is_refused(retention: Retention, clock: ManualClock) -> None:
    refused = await refusal_of(officer(retention).PlaceHold(wish(clock, days=367)))
    assert (refused.reason, [each.field for each in refused.violations]) == ("REVIEW_TIME_REFUSED", ["review_time"])


async def test_unknown_hold_is_not_found(retention: Retention) -> None:
    missing = ReleaseHoldRequest(request_id=new_id(), hold_id=new_id())
    assert (await refusal_of(officer(retention).ReleaseHold(missing))).reason == "NOT_FOUND"
