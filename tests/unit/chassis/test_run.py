import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.config import ServerConfig
from chassis.db import Database
from chassis.ids import new_id
from chassis.peers import Peers
from chassis.run import Hosted, Running, serving
from chassis.server.builder import build_health_server, set_health
from chassis.service import Platform, Service
from chassis.telemetry import Telemetry
from ombud.client import OmbudError, connect
from ombud.identity.v1.account_service_pb2 import GetAccountRequest, WatchAccountsRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub, add_AccountServiceServicer_to_server
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.stage import Accounts, Part


@dataclass
class Process:
    """One service in a process of its own, but for the process."""

    folder: Path
    part: Part = field(default_factory=Part)
    history: list[str] = field(default_factory=list)
    task_failures: int = 0
    looks: int | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        clock = ManualClock()
        self.issuer = DevIssuer(self.folder, clock)
        database = Database(
            f"sqlite:///{self.folder}/one.db", service="counter", clock=clock, migrations="tests.support.counter"
        )
        telemetry = Telemetry(InMemorySpanExporter(), read_ratio=0.0)
        accounts = Accounts(database, self.part)  # type: ignore[abstract]  # the rest is not played
        service = Service(
            "counter",
            database,
            servicers=[(add_AccountServiceServicer_to_server, accounts)],
            tasks=[self.task],
            starting=[self.note("starting")],
            stopping=[self.note("stopping")],
            healthy=self.healthy,
        )
        platform = Platform(clock, Peers({"retention": "127.0.0.1:1"}), telemetry)
        config = ServerConfig(listen="127.0.0.1:0", health_listen="127.0.0.1:0", traces_file=self.folder / "t")
        authenticator = LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: self.issuer.public_key}, clock))
        async with serving([Hosted(service, platform)], config, authenticator, telemetry, reflect=False) as running:
            yield running
        telemetry.shutdown()

    def note(self, what: str) -> Any:
        async def noted() -> None:
            self.history.append(what)

        return noted

    def healthy(self) -> bool:
        if self.looks is None:
            return True
        self.looks += 1
        if self.looks == 1:
            raise ValueError("Marie Curie")
        return False

    async def task(self) -> None:
        self.history.append("task")
        if self.task_failures:
            self.task_failures -= 1
            raise ValueError("Marie Curie")
        try:
            await asyncio.Event().wait()
        finally:
            self.history.append("task ended")

    async def get(self, running: Running) -> Any:
        async with connect(f"127.0.0.1:{running.port}", token=self.issuer.workload("platform")) as channel:
            stub: Any = AccountServiceStub(channel)
            return await stub.GetAccount(GetAccountRequest(account_id=new_id()))


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


async def health(running: Running, name: str = "") -> int:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.health_port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        status: int = (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status
        return status


async def test_call_that_is_being_served_ends_well_while_the_process_drains(process: Process) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.set()
        await go_on.wait()

    process.part.before = slow
    async with process.running() as running:
        call = asyncio.create_task(process.get(running))
        await began.wait()
        asyncio.get_running_loop().call_later(0.2, go_on.set)
    assert (await call).account.account_id
    with pytest.raises(OmbudError):
        await process.get(running)


async def test_stream_of_changes_ends_at_once_when_the_process_drains(process: Process) -> None:
    now = asyncio.get_running_loop().time
    async with contextlib.AsyncExitStack() as outlives:
        async with process.running() as running:
            token = process.issuer.workload("groups")
            channel = await outlives.enter_async_context(connect(f"127.0.0.1:{running.port}", token=token))
            stub: Any = AccountServiceStub(channel)
            stream = aiter(stub.WatchAccounts(WatchAccountsRequest()))
            assert (await anext(stream)).checkpoint.epoch
            began = now()
        assert now() - began < 4.0
        with pytest.raises(OmbudError) as ended:
            _ = [item async for item in stream]
    assert (ended.value.code(), ended.value.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


async def test_services_start_before_their_first_call_and_stop_after_their_last_work(process: Process) -> None:
    async with process.running() as running:
        assert process.history[0] == "starting"
        await process.get(running)
        process.history.append("served")
    assert process.history == ["starting", "task", "served", "task ended", "stopping"]


async def test_health_tells_of_each_service_by_name(process: Process) -> None:
    async with process.running() as running:
        assert await health(running) == health_pb2.HealthCheckResponse.SERVING
        assert await health(running, "counter") == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health(running, "credit")
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def test_look_after_health_that_fails_is_not_the_last(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.run._HEALTH_EVERY", 0.01)
    process.looks = 0
    async with process.running() as running:

        async def red() -> bool:
            return bool(await health(running, "counter") == health_pb2.HealthCheckResponse.NOT_SERVING)

        await eventually(red)


async def test_liveness_does_not_ask_after_what_the_process_serves() -> None:
    server, servicer = await build_health_server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await set_health(servicer, [], serving=False)
    running = Running(0, port)
    assert await health(running) == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await health(running, "liveness") == health_pb2.HealthCheckResponse.SERVING
    await server.stop(None)


async def test_background_work_that_fails_begins_again_and_its_text_is_not_logged(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    process.task_failures = 1

    async def begun_again() -> bool:
        return process.history.count("task") == 2

    with caplog.at_level(logging.ERROR):
        async with process.running():
            await eventually(begun_again)
    assert "counter: background work failed: ValueError" in caplog.text
    assert "Marie" not in caplog.text
