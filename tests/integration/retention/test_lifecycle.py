from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chassis.ids import new_id
from ombud.retention.v1.lifecycle_service_pb2 import (
    RETENTION_CLASS_NAME_AUDIT,
    RETENTION_CLASS_NAME_CHAT,
    RETENTION_CLASS_NAME_REGISTER,
    TERMS_EVENT_KIND_ADOPTED,
    TERMS_EVENT_KIND_APPROVED,
    TERMS_EVENT_KIND_PROPOSED,
    ApproveRetentionClassRequest,
    ListRetentionClassesRequest,
    RegisteredTermsEvent,
    RetentionTerms,
    SetRetentionClassRequest,
    TermsEvent,
)
from ombud.retention.v1.lifecycle_service_pb2_grpc import LifecycleServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_event
from tests.integration.retention.harness import POLICY, Retention, running_retention
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

if TYPE_CHECKING:  # the stubs of asynchronous channels exist for type checkers alone
    from ombud.retention.v1.lifecycle_service_pb2_grpc import LifecycleServiceAsyncStub


def officer(retention: Retention) -> "LifecycleServiceAsyncStub":
    return LifecycleServiceStub(retention.channel(role="records_officer", staff="officer-1"))


def approver(retention: Retention, staff: str = "approver-1") -> "LifecycleServiceAsyncStub":
    return LifecycleServiceStub(retention.channel(role="records_approver", staff=staff))


def wish(floor_days: int, ceiling_days: int) -> SetRetentionClassRequest:
    return SetRetentionClassRequest(
        request_id=new_id(), name=RETENTION_CLASS_NAME_CHAT, floor_days=floor_days, ceiling_days=ceiling_days
    )


def approval(terms: RetentionTerms) -> ApproveRetentionClassRequest:
    return ApproveRetentionClassRequest(request_id=new_id(), terms_id=terms.terms_id)


async def sealed_terms(retention: Retention, count: int) -> list[RegisteredTermsEvent]:
    auditor: LifecycleServiceAsyncStub = LifecycleServiceStub(retention.channel(role="auditor", staff="auditor-1"))

    async def sealed() -> list[RegisteredTermsEvent]:
        events = list((await auditor.ListRetentionClasses(ListRetentionClassesRequest())).events)
        return events if len(events) == count and all(each.state == PROOF_STATE_SEALED for each in events) else []

    return await eventually(sealed)


async def test_terms_of_the_policy_pack_are_leaves_of_the_log_from_the_first_start_on(retention: Retention) -> None:
    events = await sealed_terms(retention, 3)
    assert [each.event.terms.name for each in events] == [
        RETENTION_CLASS_NAME_CHAT,
        RETENTION_CLASS_NAME_AUDIT,
        RETENTION_CLASS_NAME_REGISTER,
    ]
    chat = events[0].event
    assert (chat.kind, chat.terms.floor_days, chat.terms.ceiling_days) == (TERMS_EVENT_KIND_ADOPTED, 184, 200)
    assert (chat.staff_id, chat.terms.proposer, chat.terms.approver) == ("", "", "")
    for each in events:
        assert TermsEvent.FromString(verify_event(each.proof, retention.verifier_key).statement) == each.event


async def test_two_persons_change_terms_from_the_next_midnight_on_and_the_log_shows_it(
    retention: Retention, clock: ManualClock
) -> None:
    proposed = (await officer(retention).SetRetentionClass(wish(365, 400))).terms
    assert not proposed.HasField("effective_time")
    approved = (await approver(retention).ApproveRetentionClass(approval(proposed))).terms
    tomorrow = datetime.combine(clock.now().date() + timedelta(days=1), datetime.min.time(), UTC)
    assert approved.effective_time.ToDatetime(tzinfo=UTC) == tomorrow
    *_, first, second = await sealed_terms(retention, 5)
    assert [first.event.kind, second.event.kind] == [TERMS_EVENT_KIND_PROPOSED, TERMS_EVENT_KIND_APPROVED]
    assert [first.event.staff_id, second.event.staff_id] == ["officer-1", "approver-1"]
    verified = verify_event(second.proof, retention.verifier_key)
    assert TermsEvent.FromString(verified.statement).terms == approved
    assert verified.kind == TERMS_EVENT_KIND_APPROVED


async def test_proposer_cannot_approve_and_nobody_approves_twice(retention: Retention) -> None:
    proposed = (await officer(retention).SetRetentionClass(wish(365, 400))).terms
    refused = await refusal_of(approver(retention, "officer-1").ApproveRetentionClass(approval(proposed)))
    assert (refused.reason, refused.facts["first_part"]) == ("SECOND_PERSON_REQUIRED", "proposal")
    await approver(retention).ApproveRetentionClass(approval(proposed))
    again = await refusal_of(approver(retention, "approver-2").ApproveRetentionClass(approval(proposed)))
    assert again.reason == "WRONG_STATE"


@pytest.mark.parametrize(("floor", "ceiling", "field"), [(183, 400, "floor_days"), (184, 185, "ceiling_days")])
async def test_terms_below_the_law_are_refused_by_the_field(
    retention: Retention, floor: int, ceiling: int, field: str
) -> None:
    refused = await refusal_of(officer(retention).SetRetentionClass(wish(floor, ceiling)))
    assert (refused.reason, [each.field for each in refused.violations]) == ("RETENTION_TERMS_REFUSED", [field])


async def test_unknown_terms_are_not_found(retention: Retention) -> None:
    missing = ApproveRetentionClassRequest(request_id=new_id(), terms_id=new_id())
    assert (await refusal_of(approver(retention).ApproveRetentionClass(missing))).reason == "NOT_FOUND"


async def test_restart_adopts_a_changed_pack_for_the_future_alone(tmp_path: Path) -> None:
    clock = ManualClock()
    async with running_retention(tmp_path / "data", clock=clock) as retention:
        await sealed_terms(retention, 3)
    changed = tmp_path / "pack.yaml"
    changed.write_text(POLICY.read_text().replace("ceiling_days: 200", "ceiling_days: 190"))
    for _ in range(2):
        async with running_retention(tmp_path / "data", clock=clock, policy_file=changed) as retention:
            *_, last = await sealed_terms(retention, 4)
            assert last.event.terms.ceiling_days == 190
            assert last.event.terms.effective_time.ToDatetime(tzinfo=UTC) > clock.now()
