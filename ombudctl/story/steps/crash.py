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

_RECORDS = 20_000
_BODY = 1000
_ACCOUNTS = 200
_KILLS = (4_000, 10_000, 16_000)
_PRODUCER = "chat-platform-2"
_NICKNAME = "night-shift-"
_PATIENCE = 60.0


async def play(world: World, scene: Scene) -> None:
    """Kills and starts again."""
    scene.says(
        f"{_RECORDS} records of {_BODY} bytes and {_ACCOUNTS} registrations are on their way when the process is"
        f" killed, {len(_KILLS)} times. The client goes on: records have numbers, registrations have request ids."
    )
    begun = world.suite.now()
    killer = _Killer(world)
    async with asyncio.TaskGroup() as tasks:
        appending = tasks.create_task(_append(world, killer))
        registering = tasks.create_task(_register_all(world))
        restarting = tasks.create_task(killer.restart())
    scene.proves(
        f"killed {len(killer.kills)} times with work on its way, at {killer.kills} records acknowledged",
        len(killer.kills) == len(_KILLS) and all(0 < at < _RECORDS for at in killer.kills),
    )
    await _all_there(world, scene, begun, appending.result())
    await _accounts_once(world, scene, registering.result())
    scene.counts(
        kills=len(killer.kills),
        records=_RECORDS,
        registrations=_ACCOUNTS,
        slowest_restart_seconds=round(restarting.result(), 2),
    )


class _Killer:
    """Kills the suite at the very acknowledgement that passes a mark, and starts it again."""

    def __init__(self, world: World) -> None:
        self.kills: list[int] = []
        self._suite = world.suite
        self._marks = list(_KILLS)
        self._killed = asyncio.Event()

    def acknowledged(self, records: int) -> None:
        """Takes in an acknowledgement."""
        if self._marks and records > self._marks[0]:
            self._marks.pop(0)
            self._suite.send_kill()
            self.kills.append(records)
            self._killed.set()

    async def restart(self) -> float:
        """Starts the suite again after each kill; gives the seconds of the slowest start."""
        slowest = 0.0
        for _ in _KILLS:
            await self._killed.wait()
            self._killed.clear()
            await self._suite.gone()
            slowest = max(slowest, await self._suite.start())
        return slowest


async def _append(world: World, killer: _Killer) -> list[bytes]:
    bodies = [f"night record {number} ".encode().ljust(_BODY, b".") for number in range(_RECORDS)]
    channel = world.suite.workload("platform")
    async with Producer(channel, _PRODUCER, progress=killer.acknowledged, patience=_PATIENCE) as producer:
        for body in bodies:
            await producer.append(world.other_group_id, world.suite.now(), body)
    return bodies


async def _register_all(world: World) -> dict[str, str]:
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
