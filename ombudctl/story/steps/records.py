"""Step 8: retained records are read for a case, by two persons and two custodians, within a window and a scope."""

from collections.abc import AsyncIterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from ombud.client import request_id
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.access_service_pb2 import (
    ACCESS_EVENT_KIND_APPROVED,
    ACCESS_EVENT_KIND_READ,
    ACCESS_EVENT_KIND_REQUESTED,
    ACCESS_STATE_OPEN,
    AccessScope,
    ApproveAccessRequest,
    ListAccessRegisterRequest,
    ListAccessRegisterResponse,
    ReadRecordsRequest,
    ReadRecordsResponse,
    RequestAccessRequest,
)
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.retention.v1.custody_service_pb2 import AnswerRequestRequest, ListPendingRequestsRequest, PendingRequest
from ombud.retention.v1.custody_service_pb2_grpc import CustodyServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED
from ombud.verify import verify_event
from ombudctl.custodian import envelopes
from ombudctl.embedded import CUSTODIANS
from ombudctl.story.cases import stamp
from ombudctl.story.scene import Scene
from ombudctl.story.suite import Person, person
from ombudctl.story.world import RECORDS_APPROVER, RECORDS_BOTH, RECORDS_OFFICER, World
from services.retention.keys.envelope import PrivateKey

if TYPE_CHECKING:
    from ombud.retention.v1.access_service_pb2_grpc import AccessServiceAsyncStub
    from ombud.retention.v1.custody_service_pb2_grpc import CustodyServiceAsyncStub

_WINDOW = timedelta(hours=2)
_ANSWERING = (1, 3)


async def play(world: World, scene: Scene) -> None:
    """Request, approval, reads within and without."""
    now = world.suite.now()
    scope = scope_of([world.group_id], world.chat_begun, now)
    access_id = await _open(world, scene, scope)
    await _read(world, scene, access_id, scope)
    await _outside(world, scene, access_id, scope)
    await _register(world, scene, access_id)


def scope_of(group_ids: list[str], start: datetime, end: datetime) -> AccessScope:
    """Records of groups, received within an interval."""
    return AccessScope(group_ids=group_ids, interval=Interval(start_time=stamp(start), end_time=stamp(end)))


def access_request(scope: AccessScope) -> RequestAccessRequest:
    """A request for access with all that it needs."""
    return RequestAccessRequest(
        request_id=request_id(),
        case_id="case-2026-118",
        legal_basis="Order of the district court, 12 Gs 345/26",
        purpose="Whether the line stood in a rehearsal is to be seen from what was written around it.",
        scope=scope,
        window=Duration(seconds=int(_WINDOW.total_seconds())),
        most_reads=3,
    )


def stub_of(world: World, someone: Person) -> "AccessServiceAsyncStub":
    """The access service, as somebody."""
    return AccessServiceStub(world.suite.as_(someone))


async def all_of(stream: AsyncIterable[ReadRecordsResponse]) -> list[bytes]:
    """Reads a stream to its end; the bodies of its records."""
    return [record.body async for page in stream for record in page.records]


async def _open(world: World, scene: Scene, scope: AccessScope) -> str:
    scene.says(
        "A case needs the records of the group. One officer asks, with the law and the purpose; another approves."
    )
    asked = (await stub_of(world, RECORDS_BOTH).RequestAccess(access_request(scope))).access
    read = ReadRecordsRequest(access_id=asked.access_id, scope=scope)
    await scene.refuses(
        "reading before approval", "ACCESS_NOT_OPEN", all_of(stub_of(world, RECORDS_BOTH).ReadRecords(read))
    )

    def approval() -> ApproveAccessRequest:
        return ApproveAccessRequest(request_id=request_id(), access_id=asked.access_id)

    await scene.refuses(
        "the requester approving", "SECOND_PERSON_REQUIRED", stub_of(world, RECORDS_BOTH).ApproveAccess(approval())
    )
    opened = (await stub_of(world, RECORDS_APPROVER).ApproveAccess(approval())).access
    hours = int(_WINDOW.total_seconds() // 3600)
    scene.proves(f"approved by another: open for {hours} hours", opened.state == ACCESS_STATE_OPEN)
    await _ask_custodians(world, scene, read)
    return asked.access_id


async def _ask_custodians(world: World, scene: Scene, read: ReadRecordsRequest) -> None:
    scene.says(
        "The day of the chat is closed: the suite has no key of it. Two of three custodians answer, each with a key of"
        " their own, for this group and this day alone."
    )
    await scene.until(
        "the access waits for the custodians",
        lambda: _pending(world, _ANSWERING[0]),
        lambda pending: any(each.pending_id == read.access_id for each in pending),
    )
    await scene.refuses(
        "the officer reading a closed day without the custodians",
        "CUSTODIANS_REQUIRED",
        all_of(stub_of(world, RECORDS_BOTH).ReadRecords(read)),
    )
    opened = [await _answer(world, slot, read.access_id) for slot in _ANSWERING]
    scene.proves("one answer opens nothing, the second one does", opened == [False, True])


async def _pending(world: World, slot: int) -> list[PendingRequest]:
    stub = _custodian(world, slot)
    return list((await stub.ListPendingRequests(ListPendingRequestsRequest())).requests)


async def _answer(world: World, slot: int, access_id: str) -> bool:
    request = next(each for each in await _pending(world, slot) if each.pending_id == access_id)
    key = PrivateKey.load(world.suite.data / CUSTODIANS / f"{slot}.key")
    answer = AnswerRequestRequest(pending_id=access_id, envelopes=envelopes(request, key))
    return (await _custodian(world, slot).AnswerRequest(answer)).opened


def _custodian(world: World, slot: int) -> "CustodyServiceAsyncStub":
    return CustodyServiceStub(world.suite.as_(person(f"custodian-{slot}", "custodian")))


async def _read(world: World, scene: Scene, access_id: str, scope: AccessScope) -> None:
    read = ReadRecordsRequest(access_id=access_id, scope=scope)
    bodies = await all_of(stub_of(world, RECORDS_BOTH).ReadRecords(read))
    scene.proves(f"{len(bodies)} records are read, each once and as it was appended", bodies == world.bodies)
    scene.counts(records_read=len(bodies))


async def _outside(world: World, scene: Scene, access_id: str, scope: AccessScope) -> None:
    other = AccessScope(group_ids=[world.other_group_id], interval=scope.interval)
    await scene.refuses(
        "reading another group",
        "ACCESS_OUT_OF_SCOPE",
        all_of(stub_of(world, RECORDS_BOTH).ReadRecords(ReadRecordsRequest(access_id=access_id, scope=other))),
    )
    earlier = AccessScope(group_ids=scope.group_ids, interval=scope.interval)
    earlier.interval.start_time.FromDatetime(world.chat_begun - timedelta(days=1))
    await scene.refuses(
        "reading an earlier day",
        "ACCESS_OUT_OF_SCOPE",
        all_of(stub_of(world, RECORDS_BOTH).ReadRecords(ReadRecordsRequest(access_id=access_id, scope=earlier))),
    )
    mine = ReadRecordsRequest(access_id=access_id, scope=scope)
    await scene.refuses(
        "another officer reading", "ACCESS_NOT_YOURS", all_of(stub_of(world, RECORDS_OFFICER).ReadRecords(mine))
    )
    scene.says("[bold]The clock goes forward by three hours[/]: the window has closed.")
    await world.suite.advance(timedelta(hours=3))
    await scene.refuses(
        "reading after the window", "ACCESS_NOT_OPEN", all_of(stub_of(world, RECORDS_BOTH).ReadRecords(mine))
    )


async def _register(world: World, scene: Scene, access_id: str) -> None:
    stub = stub_of(world, RECORDS_APPROVER)

    async def register() -> ListAccessRegisterResponse:
        return await stub.ListAccessRegister(ListAccessRegisterRequest(access_id=access_id))

    sealed = await scene.until(
        "request, approval and read are in the register and sealed in the log",
        register,
        lambda page: page.events and all(event.state == PROOF_STATE_SEALED for event in page.events),
    )
    kinds = [entry.event.kind for entry in sealed.events]
    scene.proves(
        "each stands there once",
        kinds == [ACCESS_EVENT_KIND_REQUESTED, ACCESS_EVENT_KIND_APPROVED, ACCESS_EVENT_KIND_READ],
    )
    verified = [verify_event(entry.proof, world.verifier_key) for entry in sealed.events]
    scene.proves(
        "and is verified offline against the signed log",
        [event.statement for event in verified] == [entry.event.SerializeToString() for entry in sealed.events],
    )
