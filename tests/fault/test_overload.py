"""Far more writes and exports come than a process can do: it refuses them in time, and goes on answering reads."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message

from bench.flood import ID, Flood, Request, flooded
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.credit.v1.transparency_service_pb2 import ExportStatementsRequest
from ombud.identity.v1 import account_service_pb2 as accounts
from tests.fault.victim import Victim
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

READ = "/ombud.identity.v1.AccountService/ListAccounts"
WRITE = "/ombud.identity.v1.AccountService/RegisterAccount"
EXPORT = "/ombud.credit.v1.TransparencyService/ExportStatements"
RATE, SECONDS, ONSET = 2_000, 5.0, 2.0
EVERY = 0.03


def requests(victim: Victim) -> dict[str, Request]:
    """A read, a write and an export, by path."""
    export = ExportStatementsRequest()
    export.start_time.FromDatetime(ManualClock().now())
    export.end_time.FromDatetime(ManualClock().now() + timedelta(days=1))
    messages: dict[str, Message] = {
        READ: accounts.ListAccountsRequest(page_size=10),
        WRITE: accounts.RegisterAccountRequest(
            request_id=ID,
            kind=accounts.ACCOUNT_KIND_PERSONAL,
            holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
            nickname="one of many",
        ),
        EXPORT: export,
    }
    auditor = victim.issuer.person("auditor-1", frozenset({"auditor"}))
    tokens = {READ: victim.issuer.workload("platform"), WRITE: victim.issuer.workload("platform"), EXPORT: auditor}
    return {path: Request(path, tokens[path], message.SerializeToString().hex()) for path, message in messages.items()}


def caller(channel: grpc.aio.Channel, request: Request) -> Callable[[], Awaitable[OmbudError | None]]:
    """Calls once, and gives the refusal if it is refused."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(request.path)
    metadata = (("authorization", f"Bearer {request.token}"),)

    async def once() -> OmbudError | None:
        try:
            await call(
                bytes.fromhex(request.body).replace(ID.encode(), new_id().encode()), metadata=metadata, timeout=30
            )
        except grpc.aio.AioRpcError as error:
            return OmbudError.read(error)
        return None

    return once


@pytest.mark.long
async def test_reads_are_answered_while_writes_and_exports_flood_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = Victim(tmp_path / "data")
    came, let_in = Counter[str](), Counter[str]()
    refused: list[OmbudError] = []
    async with victim.up():
        asked = requests(victim)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{victim.port}") as channel:
            callers = {path: caller(channel, request) for path, request in asked.items()}
            assert [await callers[path]() for path in asked] == [None, None, None]

            async def watch(path: str) -> None:
                answer = await callers[path]()
                came[path] += 1
                let_in[path] += answer is None
                refused.extend([answer] if answer else [])

            async with flooded(Flood(victim.port, RATE, SECONDS, [asked[WRITE], asked[EXPORT]])) as sent:
                began = time.monotonic()
                await asyncio.sleep(ONSET)
                async with asyncio.TaskGroup() as watching:
                    while time.monotonic() < began + SECONDS:
                        for path in asked:
                            watching.create_task(watch(path))
                        await asyncio.sleep(EVERY)

            async def calm() -> bool:
                return await callers[WRITE]() is None and await callers[EXPORT]() is None

            ended = time.monotonic()
            await eventually(calm)
    share = {path: let_in[path] / came[path] for path in asked}
    with capsys.disabled():
        shown = ", ".join(f"{path.rpartition('/')[2]} {share[path]:.0%}" for path in asked)
        sys.stdout.write(
            f"\n{sent.calls / SECONDS:.0f} calls/s: let in {shown}; calm {time.monotonic() - ended:.2f} s after\n"
        )
    assert all(each.reason == "OVERLOADED" and each.retry_after for each in refused)
    assert share[EXPORT] <= share[WRITE] <= share[READ]
    assert share[EXPORT] < 1
    assert share[READ] > 0
