import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.db.tables import FeedPosition
from chassis.follow import Follower, Position
from chassis.ids import new_id
from ombud.client import connect
from ombud.identity.v1.account_service_pb2 import (
    AccountChange,
    AccountKind,
    HolderKind,
    RegisterAccountRequest,
    WatchAccountsRequest,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from tests.support.clock import ManualClock
from tests.support.counter.models import Counter
from tests.support.eventually import eventually
from tests.support.stage import PARENT, REGISTER, TRACE, Stage

FEED = "identity-accounts"


@dataclass
class Consumer:
    """A projection that counts the changes it applied."""

    database: Database
    stage: Stage
    revisions: list[int] = field(default_factory=list)
    fail_at: set[int] = field(default_factory=set)
    resets: int = 0
    completed_at: list[int] = field(default_factory=list)

    def complete(self, _unit: Unit) -> None:
        self.completed_at.append(len(self.revisions))

    def apply(self, unit: Unit, change: AccountChange) -> None:
        counter = unit.session.get(Counter, "applied") or Counter(name="applied")
        counter.total += 1
        unit.session.add(counter)
        unit.audit("counter.change.applied", resource_id=change.account.account_id)
        if change.revision in self.fail_at:
            raise RuntimeError
        self.revisions.append(change.revision)

    def reset(self, unit: Unit) -> None:
        self.resets += 1
        unit.session.merge(Counter(name="applied", total=0))

    async def applied(self) -> int:
        def query(session: Session) -> int:
            counter = session.get(Counter, "applied")
            return counter.total if counter else 0

        return await self.database.read(query)

    async def has_applied(self, count: int) -> None:
        async def reached() -> bool:
            return await self.applied() == count

        await eventually(reached)

    @contextlib.asynccontextmanager
    async def following(self, *, from_start: bool = False) -> AsyncIterator["asyncio.Task[None]"]:
        async with connect(self.stage.target, token=self.stage.issuer.workload("groups")) as channel:
            stub: Any = AccountServiceStub(channel)

            def open_stream(position: Position) -> Any:
                after = 0 if from_start else position.revision
                return stub.WatchAccounts(WatchAccountsRequest(from_revision=after, epoch=position.epoch))

            follower: Follower[AccountChange] = Follower(
                FEED,
                self.database,
                self.stage.telemetry,
                open_stream=open_stream,
                apply=self.apply,
                reset=self.reset,
                complete=self.complete,
            )
            task = asyncio.create_task(follower.run())
            yield task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def consumer(stage: Stage, tmp_path: Path) -> AsyncIterator[Consumer]:
    database = Database(
        f"sqlite:///{tmp_path}/consumer.db", service="counter", clock=ManualClock(), migrations="tests.support.counter"
    )
    await database.open()
    yield Consumer(database, stage)
    await database.close()


@pytest.fixture
def register(stage: Stage) -> Callable[..., Any]:
    async def registered(count: int, *headers: tuple[str, str]) -> None:
        for _ in range(count):
            request = RegisterAccountRequest(
                request_id=new_id(),
                kind=AccountKind.ACCOUNT_KIND_PERSONAL,
                holder_kind=HolderKind.HOLDER_KIND_INDIVIDUAL,
                nickname="marie",
            )
            await stage.call(REGISTER, request, stage.authorized("platform"), *headers)

    return registered


async def position(consumer: Consumer) -> Position:
    row = await consumer.database.read(lambda session: session.get(FeedPosition, FEED))
    return Position(row.epoch, row.revision) if row else Position()


async def test_changes_before_and_after_the_start_are_applied_once_in_order(
    consumer: Consumer, register: Callable[..., Any]
) -> None:
    await register(3)
    async with consumer.following():
        await consumer.has_applied(3)
        await register(4)
        await consumer.has_applied(7)
    assert consumer.revisions == list(range(1, 8))


async def test_feed_is_complete_once_all_that_it_had_is_applied(
    consumer: Consumer, register: Callable[..., Any]
) -> None:
    await register(5)

    async def completed() -> bool:
        return bool(consumer.completed_at)

    async with consumer.following():
        await eventually(completed)
        await register(2)
        await consumer.has_applied(7)
    async with consumer.following():
        await register(1)
        await consumer.has_applied(8)
    assert consumer.completed_at == [5]


async def test_follower_that_starts_again_goes_on_where_it_stopped(
    consumer: Consumer, register: Callable[..., Any]
) -> None:
    await register(3)
    async with consumer.following():
        await consumer.has_applied(3)
    await register(2)
    async with consumer.following():
        await consumer.has_applied(5)
    assert consumer.revisions == [1, 2, 3, 4, 5]
    assert (await position(consumer)).revision == 5


async def test_change_that_can_not_be_applied_moves_neither_projection_nor_position(
    consumer: Consumer, register: Callable[..., Any]
) -> None:
    await register(1)
    async with consumer.following():
        await consumer.has_applied(1)
    await register(2)
    consumer.fail_at = {3}
    async with consumer.following() as task:
        with pytest.raises(RuntimeError):
            await asyncio.wait_for(task, 5)
    assert (await position(consumer)).revision == 2
    assert await consumer.applied() == 2
    consumer.fail_at.clear()
    async with consumer.following():
        await consumer.has_applied(3)


async def test_changes_sent_again_are_not_applied_again(consumer: Consumer, register: Callable[..., Any]) -> None:
    await register(3)
    async with consumer.following():
        await consumer.has_applied(3)

    async with consumer.following(from_start=True):
        await register(1)
        await consumer.has_applied(4)
    assert consumer.revisions == [1, 2, 3, 4]


async def test_feed_that_starts_anew_rebuilds_what_was_derived(
    consumer: Consumer, register: Callable[..., Any]
) -> None:
    await consumer.database.work(
        "test", lambda unit: unit.session.add(FeedPosition(feed=FEED, epoch="lost", revision=900))
    )
    await consumer.database.work("test", lambda unit: unit.session.add(Counter(name="applied", total=900)))
    await register(2)
    async with consumer.following():
        await consumer.has_applied(2)
    assert consumer.resets == 1
    head = await consumer.stage.database.head()
    assert await position(consumer) == Position(head.epoch, 2)


async def test_stream_that_breaks_is_opened_again(consumer: Consumer, register: Callable[..., Any]) -> None:
    await register(1)

    async def fail() -> None:
        if consumer.stage.part.served.count("WatchAccounts") < 3:
            raise RuntimeError

    consumer.stage.part.before = fail
    async with consumer.following():
        await consumer.has_applied(1)
    assert consumer.stage.part.served.count("WatchAccounts") == 3


async def test_fault_on_this_side_ends_the_following_instead_of_waiting_for_ever(consumer: Consumer) -> None:
    def without_certificate(_position: Position) -> AsyncIterator[Any]:
        raise FileNotFoundError

    follower: Follower[AccountChange] = Follower(
        FEED,
        consumer.database,
        consumer.stage.telemetry,
        open_stream=without_certificate,
        apply=consumer.apply,
        reset=consumer.reset,
    )
    with pytest.raises(FileNotFoundError):
        async with asyncio.timeout(30):
            await follower.run()


async def test_changes_are_applied_under_the_trace_that_caused_them(
    consumer: Consumer, register: Callable[..., Any]
) -> None:
    await register(2, ("traceparent", f"00-{TRACE}-{PARENT}-00"))
    await register(1)
    async with consumer.following():
        await consumer.has_applied(3)

    spans = {span.context.span_id: span for span in consumer.stage.spans() if span.context}
    followed = [span for span in spans.values() if span.name == f"follow {FEED}"]
    assert len(followed) == 3
    for span in followed:
        assert span.parent is not None
        cause = spans[span.parent.span_id]
        assert cause.name == REGISTER.removeprefix("/")
        assert span.context is not None
        assert cause.context is not None
        assert span.context.trace_id == cause.context.trace_id
    assert [f"{span.context.trace_id:032x}" for span in followed if span.context].count(TRACE) == 2
