"""Consumers of a feed read nothing while writes go on: nobody else feels it, and they get everything when they wake."""

import asyncio
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.ids import new_id
from ombud.client import OmbudError, connect
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from tests.fault.victim import Victim
from tests.support.eventually import eventually

SLOW, TOGETHER = 20, 32
SHORT, LONG = 100, 4_000
PAGE = os.sysconf("SC_PAGE_SIZE")
# A page of the feed, and what gRPC has on its way. In the long form what a consumer has not read is several times this.
MOST_EACH = 1 << 20
# The client's own library would otherwise read on, as far as it finds memory.
READS_LITTLE = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1 << 14),
    ("grpc.use_local_subchannel_pool", 1),
)


def resident(process: asyncio.subprocess.Process) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE


async def taken(stub: Any, request: accounts.RegisterAccountRequest) -> bool:
    """Whether a request was answered, and not turned away by a server that is busy."""
    try:
        await stub.RegisterAccount(request)
    except OmbudError as error:
        if error.reason == "OVERLOADED":
            return False
        raise
    return True


async def write(stub: Any, count: int) -> float:
    """Registers accounts; gives the seconds that it took."""
    began = time.monotonic()
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            request = accounts.RegisterAccountRequest(
                request_id=new_id(),
                kind=accounts.ACCOUNT_KIND_PERSONAL,
                holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
                nickname=f"somebody with a name of some length {new_id()[:20]}",
            )
            await eventually(partial(taken, stub, request))

    await asyncio.gather(*(some() for _ in range(TOGETHER)))
    return time.monotonic() - began


def watch(channel: grpc.aio.Channel, token: str) -> Any:
    """A consumer that has not read anything yet."""
    method = channel.unary_stream(
        "/ombud.identity.v1.AccountService/WatchAccounts",
        request_serializer=accounts.WatchAccountsRequest.SerializeToString,
        response_deserializer=accounts.WatchAccountsResponse.FromString,
    )
    return method(accounts.WatchAccountsRequest(), metadata=[("authorization", f"Bearer {token}")])


async def revisions(consumer: Any, last: int) -> list[int]:
    """What a consumer is told, up to a revision."""
    told: list[int] = []
    async for item in consumer:
        if item.HasField("change"):
            told.append(item.change.revision)
        if told and told[-1] >= last:
            return told
    raise AssertionError("the stream ended")


async def test_consumer_that_reads_nothing_costs_nobody_else_anything_and_gets_all_when_it_wakes(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    writes = LONG if pytestconfig.getoption("--all-faults") else SHORT
    victim = Victim(tmp_path / "data")
    async with victim.up() as process:
        token = victim.issuer.workload("groups")
        target = f"127.0.0.1:{victim.port}"
        async with (
            connect(target, token=victim.issuer.workload("platform")) as calling,
            connect(target, token=token) as reading,
            grpc.aio.insecure_channel(target, READS_LITTLE) as watching,
        ):
            stub = AccountServiceStub(calling)
            await write(stub, writes)
            before = resident(process)
            alone = await write(stub, writes)
            grown_alone, before = resident(process) - before, resident(process)
            slow = [watch(watching, token) for _ in range(SLOW)]
            for consumer in slow:
                await consumer.initial_metadata()
            reader = asyncio.create_task(revisions(watch(reading, token), 3 * writes))
            beside = await write(stub, writes)
            grown = resident(process) - before
            assert grown < grown_alone + SLOW * MOST_EACH
            async with asyncio.timeout(60):
                assert await reader == list(range(1, 3 * writes + 1))
            began = time.monotonic()
            async with asyncio.timeout(60):
                told = await asyncio.gather(*(revisions(consumer, 3 * writes) for consumer in slow))
            assert all(each == list(range(1, 3 * writes + 1)) for each in told)
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{SLOW} slow consumers: {writes / alone:.0f} writes/s without, {writes / beside:.0f} with them, "
                    f"memory {grown_alone >> 10} and {grown >> 10} KiB more, "
                    f"all caught up in {time.monotonic() - began:.2f} s\n"
                )
