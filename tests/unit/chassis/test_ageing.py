"""Connections age: a client finds a new replica behind the name that it has, and no call is cut off for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.ids import new_id
from ombud.client import connect
from ombud.identity.v1.account_service_pb2 import WatchAccountsRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.accreditation_service_pb2 import CheckMarkRequest
from ombud.identity.v1.accreditation_service_pb2_grpc import AccreditationServiceStub
from tests.support.eventually import eventually
from tests.support.stage import staged

_AGE = 0.5
_CHUNK = 1 << 16


@dataclass
class Balancer:
    """One address in front of replicas, as a cluster has it: a new connection goes to the replica named now."""

    replica: str
    target: str = ""

    @contextlib.asynccontextmanager
    async def balancing(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _connect(self, near: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        host, _, port = self.replica.rpartition(":")
        far, requests = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_copy(near, requests), _copy(far, answers))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.closing(target), contextlib.suppress(ConnectionError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()


async def test_client_reaches_a_new_replica_and_a_stream_that_it_had_goes_on(tmp_path: Path) -> None:
    for name in ("old", "new"):
        key = tmp_path / name / "keys" / "issuer.key"
        key.parent.mkdir(parents=True)
        key.write_bytes(bytes(32))
    async with (
        staged(tmp_path / "old", connection_seconds=_AGE) as old,
        staged(tmp_path / "new", connection_seconds=_AGE) as new,
    ):
        balancer = Balancer(old.target)
        async with balancer.balancing(), connect(balancer.target, token=old.issuer.workload("groups")) as channel:
            watching: Any = aiter(AccountServiceStub(channel).WatchAccounts(WatchAccountsRequest()))
            await anext(watching)
            balancer.replica = new.target
            marks: Any = AccreditationServiceStub(channel)

            async def moved() -> bool:
                await marks.CheckMark(CheckMarkRequest(account_id=new_id()))
                return "CheckMark" in new.part.served

            await eventually(moved)
            assert old.part.served.count("WatchAccounts") == 1
            for _ in range(3):
                assert (await anext(watching)).HasField("checkpoint")
            assert old.part.served.count("WatchAccounts") == 1
