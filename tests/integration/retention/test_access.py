from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.access_service_pb2 import (
    Access,
    AccessEvent,
    AccessEventKind,
    AccessScope,
    AccessState,
    ApproveAccessRequest,
    CloseAccessRequest,
    GetAccessRequest,
    ListAccessRegisterRequest,
    ReadRecordsRequest,
    ReadRecordsResponse,
    RegisteredEvent,
    RequestAccessRequest,
    RetainedRecord,
)
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.retention.v1.audit_service_pb2 import QueryAuditRecordsRequest
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.retention.v1.record_pb2 import ProofState
from ombud.verify import verify_event
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame, running_retention
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

HOUR = timedelta(hours=1)


def scope(clock: ManualClock, *groups: str, before: timedelta = HOUR, after: timedelta = HOUR) -> AccessScope:
    interval = Interval(start_time=timestamp(clock.now() - before), end_time=timestamp(clock.now() + after))
    return AccessScope(group_ids=groups or (GROUP,), interval=interval)


def hours(count: float) -> Duration:
    window = Duration()
    window.FromTimedelta(timedelta(hours=count))
    return window


async def append(retention: Retention, first_sequence: int, count: int = 6) -> None:
    both = (GROUP, OTHER_GROUP)
    sent = frame(first_sequence, bodies(first_sequence, count), groups=both)
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))


async def asked(retention: Retention, asked_scope: AccessScope, *, window: float = 24, most_reads: int = 2) -> Access:
    answer = await retention.access("records_officer", "officer-1").RequestAccess(
        RequestAccessRequest(
            request_id=new_id(),
            case_id="case-7",
            legal_basis="court order 12 Gs 345/26",
            purpose="to answer the appeal",
            scope=asked_scope,
            window=hours(window),
            most_reads=most_reads,
        )
    )
    return answer.access


async def approved(
    retention: Retention, asked_scope: AccessScope, *, window: float = 24, most_reads: int = 2
) -> Access:
    access = await asked(retention, asked_scope, window=window, most_reads=most_reads)
    request = ApproveAccessRequest(request_id=new_id(), access_id=access.access_id)
    return (await retention.access("records_approver", "approver-1").ApproveAccess(request)).access


async def read(
    retention: Retention, access: Access, read_scope: AccessScope, *, staff: str = "officer-1"
) -> list[RetainedRecord]:
    stub = retention.access("records_officer", staff)
    request = ReadRecordsRequest(access_id=access.access_id, scope=read_scope)
    return [record async for answer in stub.ReadRecords(request) for record in answer.records]


async def refused_read(
    retention: Retention, access: Access, read_scope: AccessScope, *, staff: str = "officer-1"
) -> OmbudError:
    with pytest.raises(OmbudError) as refused:
        await read(retention, access, read_scope, staff=staff)
    return refused.value


async def test_approved_access_streams_the_records_of_its_scope_as_they_were_sent(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    access = await approved(retention, scope(clock))
    assert access.state == AccessState.ACCESS_STATE_OPEN
    assert access.expire_time.ToDatetime(tzinfo=clock.now().tzinfo) == clock.now() + 24 * HOUR
    records = await read(retention, access, scope(clock))
    assert [record.sequence for record in records] == [2, 4, 6]
    assert [record.body for record in records] == [b"message 2", b"message 4", b"message 6"]
    assert {record.group_id for record in records} == {GROUP}
    assert [record.index for record in records] == [1, 3, 5]
    assert {record.producer for record in records} == {"chat-1"}


async def test_read_gives_what_was_acknowledged_just_before_though_it_was_not_sealed(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with running_retention(tmp_path / "data", clock=clock, seal_seconds=5) as retention:
        access = await approved(retention, scope(clock))
        await append(retention, 1)
        assert len(await read(retention, access, scope(clock))) == 3


async def test_read_spans_segments_and_keeps_to_its_interval(retention: Retention, clock: ManualClock) -> None:
    for first in (1, 7, 13, 19):
        await append(retention, first)
        await retention.receipt(first)
        clock.advance(HOUR)
    both = scope(clock, GROUP, OTHER_GROUP, before=5 * HOUR)
    access = await approved(retention, both, most_reads=3)
    everything = await read(retention, access, both)
    assert [record.sequence for record in everything] == list(range(1, 25))
    middle = scope(clock, OTHER_GROUP, before=3 * HOUR, after=-HOUR)
    assert [record.sequence for record in await read(retention, access, middle)] == [7, 9, 11, 13, 15, 17]


async def test_large_records_come_in_answers_that_fit_a_message(retention: Retention, clock: ManualClock) -> None:
    for first in range(1, 71, 14):
        large = [bytes([sequence]) * 65_535 for sequence in range(first, first + 14)]
        await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(first, large)))
    access = await approved(retention, scope(clock))
    records = await read(retention, access, scope(clock))
    assert [record.body[0] for record in records] == list(range(1, 71))


async def test_requester_cannot_approve(retention: Retention, clock: ManualClock) -> None:
    access = await asked(retention, scope(clock))
    own = retention.access("records_approver", "officer-1")
    refused = await refusal_of(own.ApproveAccess(ApproveAccessRequest(request_id=new_id(), access_id=access.access_id)))
    assert (refused.reason, refused.facts["first_part"]) == ("SECOND_PERSON_REQUIRED", "request")


async def test_access_is_approved_once(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    second = retention.access("records_approver", "approver-2")
    request = ApproveAccessRequest(request_id=new_id(), access_id=access.access_id)
    refused = await refusal_of(second.ApproveAccess(request))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "OPEN")


async def test_window_beyond_the_policy_is_refused(retention: Retention, clock: ManualClock) -> None:
    with pytest.raises(OmbudError) as refused:
        await asked(retention, scope(clock), window=72.01)
    assert (refused.value.reason, refused.value.facts["most_hours"]) == ("ACCESS_WINDOW_TOO_LONG", "72")
    assert [path for path, _ in refused.value.violations] == ["window"]


async def test_read_before_approval_is_refused(retention: Retention, clock: ManualClock) -> None:
    refused = await refused_read(retention, await asked(retention, scope(clock)), scope(clock))
    assert (refused.reason, refused.facts["state"]) == ("ACCESS_NOT_OPEN", "REQUESTED")


async def test_read_by_another_officer_is_refused(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    assert (await refused_read(retention, access, scope(clock), staff="officer-2")).reason == "ACCESS_NOT_YOURS"


async def test_read_of_another_group_is_refused(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    refused = await refused_read(retention, access, scope(clock, GROUP, OTHER_GROUP))
    assert (refused.reason, refused.facts["group_id"]) == ("ACCESS_OUT_OF_SCOPE", OTHER_GROUP)


@pytest.mark.parametrize(
    ("before", "after"), [(HOUR + timedelta(microseconds=1), HOUR), (HOUR, HOUR + timedelta(microseconds=1))]
)
async def test_read_beyond_the_interval_is_refused(
    retention: Retention, clock: ManualClock, before: timedelta, after: timedelta
) -> None:
    access = await approved(retention, scope(clock))
    refused = await refused_read(retention, access, scope(clock, before=before, after=after))
    assert refused.reason == "ACCESS_OUT_OF_SCOPE"


async def test_read_after_the_window_is_refused(retention: Retention, clock: ManualClock) -> None:
    narrow = scope(clock)
    access = await approved(retention, narrow, window=1)
    clock.advance(HOUR - timedelta(microseconds=1))
    await read(retention, access, narrow)
    clock.advance(timedelta(microseconds=1))
    refused = await refused_read(retention, access, narrow)
    assert (refused.reason, refused.facts["state"]) == ("ACCESS_NOT_OPEN", "EXPIRED")


async def test_reads_are_counted_and_one_too_many_is_refused(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock), most_reads=1)
    await read(retention, access, scope(clock))
    refused = await refused_read(retention, access, scope(clock))
    assert (refused.reason, refused.facts["state"]) == ("ACCESS_NOT_OPEN", "SPENT")


async def test_closed_access_opens_nothing_any_more(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    officer = retention.access("records_officer", "officer-1")
    closed = await officer.CloseAccess(CloseAccessRequest(request_id=new_id(), access_id=access.access_id))
    assert closed.access.state == AccessState.ACCESS_STATE_CLOSED
    assert (await refused_read(retention, access, scope(clock))).facts["state"] == "CLOSED"
    again = await refusal_of(officer.CloseAccess(CloseAccessRequest(request_id=new_id(), access_id=access.access_id)))
    assert again.reason == "WRONG_STATE"


async def drained(reading: grpc.aio.UnaryStreamCall[ReadRecordsRequest, ReadRecordsResponse]) -> None:
    """Takes what is left of a stream."""
    while await reading.read() is not grpc.aio.EOF:
        pass


async def test_closing_stops_a_read_that_was_begun(retention: Retention, clock: ManualClock) -> None:
    for first in (1, 15, 29):
        await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(first, [bytes(65_535)] * 14)))
        await retention.receipt(first)
    access = await approved(retention, scope(clock))
    request = ReadRecordsRequest(access_id=access.access_id, scope=scope(clock))
    token = retention.issuer.person("officer-1", frozenset({"records_officer"}), workload="desk", account_id="")
    # Without flow control widened by probes, the second answer waits in the server until the first is taken.
    narrow = [("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{retention.port}", options=narrow) as channel:
        reading = AccessServiceStub(channel).ReadRecords(request, metadata=[("authorization", f"Bearer {token}")])
        assert isinstance(await reading.read(), ReadRecordsResponse)
        officer = retention.access("records_officer", "officer-1")
        await officer.CloseAccess(CloseAccessRequest(request_id=new_id(), access_id=access.access_id))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await drained(reading)
    error = OmbudError.read(refused.value)
    assert (error.reason, error.facts["state"]) == ("ACCESS_NOT_OPEN", "CLOSED")


async def test_unknown_access_is_not_found(retention: Retention, clock: ManualClock) -> None:
    assert (await refused_read(retention, Access(access_id=new_id()), scope(clock))).reason == "NOT_FOUND"
    officer = retention.access("records_officer", "officer-1")
    assert (await refusal_of(officer.GetAccess(GetAccessRequest(access_id=new_id())))).reason == "NOT_FOUND"


async def test_register_holds_every_act_in_order_each_proved_offline(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    await read(retention, access, scope(clock))
    officer = retention.access("records_officer", "officer-1")
    await officer.CloseAccess(CloseAccessRequest(request_id=new_id(), access_id=access.access_id))
    await asked(retention, scope(clock, OTHER_GROUP))
    auditor = retention.access("auditor", "auditor-1")

    async def sealed() -> list[RegisteredEvent]:
        request = ListAccessRegisterRequest(access_id=access.access_id)
        events = (await auditor.ListAccessRegister(request)).events
        return list(events) if all(each.state == ProofState.PROOF_STATE_SEALED for each in events) else []

    events = await eventually(sealed)
    kinds = [each.event.kind for each in events]
    assert kinds == [
        AccessEventKind.ACCESS_EVENT_KIND_REQUESTED,
        AccessEventKind.ACCESS_EVENT_KIND_APPROVED,
        AccessEventKind.ACCESS_EVENT_KIND_READ,
        AccessEventKind.ACCESS_EVENT_KIND_CLOSED,
    ]
    assert [each.event.staff_id for each in events] == ["officer-1", "approver-1", "officer-1", "officer-1"]
    assert events[2].event.read_scope == scope(clock)
    for each in events:
        verified = verify_event(each.proof, retention.verifier_key)
        assert AccessEvent.FromString(verified.statement) == each.event
        assert (verified.kind, str(verified.event_id)) == (each.event.kind, each.event.event_id)
    everything = await auditor.ListAccessRegister(ListAccessRegisterRequest(page_size=3))
    rest = await auditor.ListAccessRegister(
        ListAccessRegisterRequest(page_size=3, page_token=everything.next_page_token)
    )
    assert (len(everything.events), len(rest.events), rest.next_page_token) == (3, 2, "")


async def test_refused_read_is_not_registered_as_a_read(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    refused = await refused_read(retention, access, scope(clock, OTHER_GROUP))
    assert refused.reason == "ACCESS_OUT_OF_SCOPE"
    auditor = retention.access("auditor", "auditor-1")
    events = (await auditor.ListAccessRegister(ListAccessRegisterRequest(access_id=access.access_id))).events
    assert len(events) == 2


async def test_acts_reach_the_audit_trail_of_the_log_itself(retention: Retention, clock: ManualClock) -> None:
    access = await approved(retention, scope(clock))
    await read(retention, access, scope(clock))

    async def audited() -> list[str]:
        request = QueryAuditRecordsRequest()
        request.subject.group_id = GROUP
        entries = (await retention.auditor.QueryAuditRecords(request)).entries
        actions = [entry.record.action for entry in entries if entry.record.resource_id == access.access_id]
        return actions if len(actions) == 3 else []

    assert await eventually(audited) == [
        "retention.access.requested",
        "retention.access.approved",
        "retention.access.read",
    ]


async def test_end_of_a_window_is_registered_by_itself_once_and_proved(
    retention: Retention, clock: ManualClock
) -> None:
    access = await approved(retention, scope(clock), window=1)
    auditor = retention.access("auditor", "auditor-1")
    request = ListAccessRegisterRequest(access_id=access.access_id)
    clock.advance(HOUR)

    async def ended() -> list[RegisteredEvent]:
        events = (await auditor.ListAccessRegister(request)).events
        return list(events) if events[-1].event.kind == AccessEventKind.ACCESS_EVENT_KIND_EXPIRED else []

    *_, expired = await eventually(ended)
    assert expired.event.staff_id == ""
    assert expired.event.time == expired.event.access.expire_time
    clock.advance(HOUR)

    async def sealed() -> RegisteredEvent | None:
        last = (await auditor.ListAccessRegister(request)).events[-1]
        return last if last.state == ProofState.PROOF_STATE_SEALED else None

    proved = await eventually(sealed)
    assert proved is not None
    assert AccessEvent.FromString(verify_event(proved.proof, retention.verifier_key).statement) == expired.event


async def test_window_that_a_person_closed_does_not_end_again(retention: Retention, clock: ManualClock) -> None:
    closed, left = await approved(retention, scope(clock), window=1), await approved(retention, scope(clock), window=1)
    officer = retention.access("records_officer", "officer-1")
    await officer.CloseAccess(CloseAccessRequest(request_id=new_id(), access_id=closed.access_id))
    clock.advance(2 * HOUR)

    async def kinds(access: Access) -> list[AccessEventKind.ValueType]:
        answer = await officer.ListAccessRegister(ListAccessRegisterRequest(access_id=access.access_id))
        return [each.event.kind for each in answer.events]

    async def other_ended() -> bool:
        return AccessEventKind.ACCESS_EVENT_KIND_EXPIRED in await kinds(left)

    await eventually(other_ended)
    assert (await kinds(closed))[-1] == AccessEventKind.ACCESS_EVENT_KIND_CLOSED
