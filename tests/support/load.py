"""Steady load on a cluster, which remembers what was acknowledged and what was answered."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from tests.support.cluster import Cluster
from tests.support.eventually import eventually

_WRITERS = 4
_PAUSE = 0.02
# What a client that means it asks again after, with the same request_id.
_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}


@dataclass
class Load:
    """Writers that register accounts, and callers that ask what two accounts may do.

    Attributes:
        cluster: What is loaded, through a client that takes turns over its replicas.
        may: An account that may post.
        may_not: An account whose publishing is suspended.
        acknowledged: The account id by nickname of each write that was answered.
        failed: How many calls failed, by status; those of writers were asked again.
        wrong: Answers that no state of the suite allows.
        longest: Seconds between two acknowledged writes, at most.
    """

    cluster: Cluster
    may: str
    may_not: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: float = 0.0
    _last: float = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Loads until the block ends; every write that was begun is acknowledged then."""
        stop = asyncio.Event()
        self._last = time.monotonic()
        tasks = [asyncio.create_task(self._write(stop)) for _ in range(_WRITERS)]
        tasks += [
            asyncio.create_task(self._ask(stop, self.may, allowed=True)),
            asyncio.create_task(self._ask(stop, self.may_not, allowed=False)),
        ]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def more(self, writes: int) -> None:
        """Returns when so many more writes are acknowledged."""
        wanted = len(self.acknowledged) + writes
        async with asyncio.timeout(120):
            while len(self.acknowledged) < wanted:  # noqa: ASYNC110 - the writers set no event for each
                await asyncio.sleep(_PAUSE)

    async def reconciled(self) -> None:
        """Fails unless all that was acknowledged is there once, and no answer was wrong."""
        kept = self.cluster.rows("identity", "SELECT nickname, account_id FROM account WHERE nickname LIKE 'load %'")
        assert len(kept) == len({nickname for nickname, _ in kept})
        assert self.acknowledged.items() <= dict(kept).items()
        assert self.wrong == []
        audited = [audit_id for (audit_id,) in self.cluster.rows("identity", "SELECT audit_id FROM audit_record")]
        assert len(audited) >= len(self.acknowledged)

        async def delivered() -> bool:
            logged = [audit_id for (audit_id,) in self.cluster.rows("retention", "SELECT audit_id FROM audit_index")]
            assert len(logged) == len(set(logged))
            return set(audited) <= set(logged)

        await eventually(delivered, within=90)

    async def _write(self, stop: asyncio.Event) -> None:
        stub: Any = AccountServiceStub(self.cluster.channel("platform", self.cluster.target("identity")))
        while not stop.is_set():
            nickname = f"load {new_id()}"
            request = accounts.RegisterAccountRequest(
                request_id=new_id(),
                kind=accounts.ACCOUNT_KIND_PERSONAL,
                holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
                nickname=nickname,
            )
            while nickname not in self.acknowledged:
                try:
                    reply = await stub.RegisterAccount(request)
                except OmbudError as error:
                    self._fail(error)
                else:
                    self.acknowledged[nickname] = reply.account.account_id
                    now = time.monotonic()
                    self.longest, self._last = max(self.longest, now - self._last), now
                await asyncio.sleep(_PAUSE)

    async def _ask(self, stop: asyncio.Event, account_id: str, *, allowed: bool) -> None:
        stub: Any = DecisionServiceStub(self.cluster.channel("platform", self.cluster.target("groups")))
        request = decisions.CheckRequest(account_id=account_id, action=decisions.ACTION_POST)
        while not stop.is_set():
            try:
                reply = await stub.Check(request)
            except OmbudError as error:
                self._fail(error)
            else:
                if reply.decision.allowed is not allowed:
                    self.wrong.append(decisions.DecisionReason.Name(reply.decision.reason))
            await asyncio.sleep(_PAUSE)

    def _fail(self, error: OmbudError) -> None:
        if error.code() not in _AGAIN:
            raise error
        self.failed[error.code().name] += 1
