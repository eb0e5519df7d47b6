"""Step 9: SIGKILL in the middle of appends and writes; everything acknowledged is there, once."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from ombud.client import OmbudError, Producer, request_id
from ombud.identity.v1.account_service_pb2 import (
    ACCOUNT_KIND_PERSONAL,
    HOLDER_KIND_INDIVIDUAL,
    GetAccountRequest,
    ListAccountsRequest,
    RegisterAccountRequest,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.retention.v1.access_service_pb2 import ApproveAccessRequest, ReadRecordsRequest
from ombudctl.story.scene import Scene
from ombudctl.story.steps.records import access_request, all_of, scope_of, stub_of
from ombudctl.story.world import RECORDS_APPROVER, RECORDS_OFFICER, World

if TYPE_CHECKING:
    from ombud.identity.v1.account_service_pb2_grpc import AccountServiceAsyncStub

_RECORDS = 60_000
_ACCOUNTS = 400
_PRODUCER = "chat-platform-2"
_NICKNAME = "night-shift-"
_PATIENCE = 30.0


async def play(world: World, scene: Scene) -> None:
    """Kills and starts again."""
    scene.says(
        f"{_RECORDS} records and {_ACCOUNTS} registrations are on their way when the process is killed, three times."
        " The client goes on by itself: records by their numbers, registrations by their request ids."
    )
    begun = world.suite.now()
    progress = _Progress()
    async with asyncio.TaskGroup() as tasks:
        appending = tasks.create_task(_append(world, progress))
        registering = tasks.create_task(_register_all(world, progress))
        restarts = tasks.create_task(_kill(world, progress))
    kills, slowest = restarts.result()
    records, registered = appending.result(), registering.result()
    scene.proves(
        f"killed {len(kills)} times, each time with work acknowledged and work still on its way: at {kills} records",
        all(0 < at < _RECORDS for at in kills),
    )
    await _all_there(world, scene, begun, records)
    await _accounts_once(world, scene, registered)
    scene.counts(kills=len(kills), records=_RECORDS, registrations=_ACCOUNTS, slowest_restart_seconds=round(slowest, 2))


class _Progress:
    """How far the two have come."""

    def __init__(self) -> None:
        self.acked = 0
        self.registered = 0
        self._moved = asyncio.Event()

    def records(self, acked: int) -> None:
        """Takes in an acknowledgement."""
        self.acked = acked
        self._moved.set()

    async def reaches(self, records: int) -> None:
        """Waits until so many records are acknowledged."""
        while self.acked < records:
            self._moved.clear()
            await self._moved.wait()


async def _append(world: World, progress: _Progress) -> list[bytes]:
    bodies = [f"night record {number}".encode() for number in range(_RECORDS)]
    channel = world.suite.workload("platform")
    async with Producer(channel, _PRODUCER, progress=progress.records, patience=_PATIENCE) as producer:
        for body in bodies:
            await producer.append(world.other_group_id, world.suite.now(), body)
    return bodies


async def _register_all(world: World, progress: _Progress) -> dict[str, str]:
    """Registers one after the other, each with one request id until it is answered; account ids by nickname."""
    stub = AccountServiceStub(world.suite.workload("platform"))
    registered: dict[str, str] = {}
    for number in range(_ACCOUNTS):
        request = RegisterAccountRequest(
            request_id=request_id(),
            kind=ACCOUNT_KIND_PERSONAL,
            holder_kind=HOLDER_KIND_INDIVIDUAL,
            nickname=f"{_NICKNAME}{number}",
        )
        answer = await _insist(stub, request)
        registered[request.nickname] = answer
        progress.registered += 1
    return registered


async def _insist(stub: "AccountServiceAsyncStub", request: RegisterAccountRequest) -> str:
    """Repeats one request until it is answered: the same id has one effect."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _PATIENCE
    while True:
        try:
            return (await stub.RegisterAccount(request)).account.account_id
        except OmbudError as error:
            if error.reason or loop.time() > end:
                raise
            await asyncio.sleep(0.05)


async def _kill(world: World, progress: _Progress) -> tuple[list[int], float]:
    kills: list[int] = []
    slowest = 0.0
    for share in (0.2, 0.5, 0.8):
        await progress.reaches(int(_RECORDS * share))
        await world.suite.kill()
        kills.append(progress.acked)
        slowest = max(slowest, await world.suite.start())
    return kills, slowest


async def _all_there(world: World, scene: Scene, begun: datetime, records: list[bytes]) -> None:
    scope = scope_of([world.other_group_id], begun, world.suite.now())
    officer = stub_of(world, RECORDS_OFFICER)
    asked = (await officer.RequestAccess(access_request(scope))).access
    approval = ApproveAccessRequest(request_id=request_id(), access_id=asked.access_id)
    await stub_of(world, RECORDS_APPROVER).ApproveAccess(approval)
    kept = await all_of(officer.ReadRecords(ReadRecordsRequest(access_id=asked.access_id, scope=scope)))
    scene.proves(f"{len(kept)} records are there, each once and in order", kept == records)


async def _accounts_once(world: World, scene: Scene, registered: dict[str, str]) -> None:
    stub = AccountServiceStub(world.suite.workload("platform"))
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        page = await stub.ListAccounts(ListAccountsRequest(page_size=500, page_token=token))
        found += [(one.nickname, one.account_id) for one in page.accounts if one.nickname.startswith(_NICKNAME)]
        token = page.next_page_token
        if not token:
            break
    scene.proves(
        f"{len(found)} accounts are there, each once, under the ids that were answered",
        sorted(found) == sorted(registered.items()) and len(found) == _ACCOUNTS,
    )
    founder = await stub.GetAccount(GetAccountRequest(account_id=world.cast.founder))
    scene.proves("and what was there before still is", founder.account.nickname == "tide-keeper")
