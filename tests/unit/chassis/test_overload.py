"""A server that has more to do than it can, as its callers see it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlmodel import Session

from chassis.db import Unit, writer
from chassis.ids import new_id
from chassis.server import admission
from chassis.server.admission import Bound
from chassis.server.methods import Load
from ombud.client import OmbudError, connect
from ombud.identity.v1.account_service_pb2 import GetAccountRequest, WatchAccountsRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.accreditation_service_pb2 import CheckMarkRequest
from tests.support.counter.models import Counter
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.support.stage import CHECK_MARK, GET, REGISTER, WATCH, Stage, staged
from tests.unit.chassis.test_pipeline import registration


@asynccontextmanager
async def held(stage: Stage) -> AsyncIterator[None]:
    """While the block runs, the writer is in a transaction that does not end."""
    began, go_on = threading.Event(), threading.Event()

    def hold(_unit: Unit) -> None:
        began.set()
        go_on.wait(10)

    holding = asyncio.create_task(stage.database.work("test", hold))
    await asyncio.to_thread(began.wait, 10)
    try:
        yield
    finally:
        go_on.set()
        await holding


@pytest.fixture
async def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A server that takes on two writes, a public call and a stream at a time."""
    for load, most in ((Load.WRITE, 2), (Load.PUBLIC, 1), (Load.STREAM, 1)):
        monkeypatch.setitem(admission.BOUNDS, load, Bound(own=most, crowd=8, pressure=4, delay=0.05))
    async with staged(tmp_path) as stage:
        yield stage


def in_flight(stage: Stage, load: Load) -> float:
    found = {each.declared.name: each.values for each in stage.telemetry.meter.instruments()}
    inside = found["ombud.admission.in_flight"][load.value,]
    assert isinstance(inside, int | float)
    return inside


async def full(stage: Stage, load: Load, count: int) -> None:
    async def filled() -> bool:
        return in_flight(stage, load) == count

    await eventually(filled)


async def turned_away(stage: Stage, count: int) -> None:
    refused = next(each for each in stage.telemetry.meter.instruments() if each.declared.name.endswith(".refused"))

    async def counted() -> bool:
        return sum(value for value in refused.values.values() if isinstance(value, int)) >= count

    await eventually(counted)


async def registered(stage: Stage) -> int:
    def total(session: Session) -> int:
        counter = session.get(Counter, "accounts")
        return counter.total if counter else 0

    return await stage.database.read(total)


async def test_writes_at_the_bound_are_turned_away_at_the_door_while_reads_go_on(small: Stage) -> None:
    header = small.authorized("platform")
    async with held(small):
        served = [asyncio.create_task(small.call(REGISTER, registration(), header)) for _ in range(2)]
        await full(small, Load.WRITE, 2)
        refused = [await refusal_of(small.call(REGISTER, registration(), header)) for _ in range(20)]
        await small.call(GET, GetAccountRequest(account_id=new_id()), header)
    await asyncio.gather(*served)
    await small.call(REGISTER, registration(), header)
    assert await registered(small) == 3
    for refusal in refused:
        assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (refusal.reason, refusal.facts) == ("OVERLOADED", {"queue": "writes"})
        assert refusal.retry_after
    assert len({refusal.retry_after for refusal in refused}) > 1, "they would all come back at once"
    assert "RESOURCE_EXHAUSTED" not in str([span.attributes for span in small.spans()]), "refusing has to be cheap"


async def test_client_comes_back_when_it_is_told_to_and_is_let_in(small: Stage) -> None:
    async with connect(small.target, token=small.issuer.workload("platform")) as channel:
        stub = AccountServiceStub(channel)
        async with held(small):
            served = [asyncio.ensure_future(stub.RegisterAccount(registration())) for _ in range(2)]
            await full(small, Load.WRITE, 2)
            patient = asyncio.ensure_future(stub.RegisterAccount(registration()))
            await turned_away(small, 1)
        await asyncio.gather(*served, patient)
    assert await registered(small) == 3


async def test_client_that_can_not_wait_so_long_is_told_why_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(admission.BOUNDS, Load.WRITE, Bound(own=0, crowd=8, pressure=4, delay=1.5))
    async with staged(tmp_path) as stage, connect(stage.target, token=stage.issuer.workload("platform")) as channel:
        hasty = await refusal_of(AccountServiceStub(channel).RegisterAccount(registration(), timeout=1.4))
    assert hasty.reason == "OVERLOADED"
    assert hasty.retry_after


async def test_nobody_who_is_turned_away_is_asked_who_it_is_and_nobody_unknown_takes_a_place(small: Stage) -> None:
    async with held(small):
        served = [
            asyncio.create_task(small.call(REGISTER, registration(), small.authorized("platform"))) for _ in range(2)
        ]
        await full(small, Load.WRITE, 2)
        assert (await refusal_of(small.call(REGISTER, registration()))).reason == "OVERLOADED"
    await asyncio.gather(*served)
    anonymous = await asyncio.gather(*(refusal_of(small.call(REGISTER, registration())) for _ in range(50)))
    assert {refusal.reason for refusal in anonymous} <= {"UNAUTHENTICATED", "OVERLOADED"}
    assert in_flight(small, Load.WRITE) == 0
    await small.call(REGISTER, registration(), small.authorized("platform"))


async def test_what_anyone_may_call_fills_its_own_share_alone(small: Stage) -> None:
    go_on = asyncio.Event()
    small.part.before = go_on.wait
    public = asyncio.create_task(small.call(CHECK_MARK, CheckMarkRequest(account_id=new_id())))
    await full(small, Load.PUBLIC, 1)
    refused = await refusal_of(small.call(CHECK_MARK, CheckMarkRequest(account_id=new_id())))
    assert refused.facts == {"queue": "public calls"}
    go_on.set()
    await small.call(REGISTER, registration(), small.authorized("platform"))
    await asyncio.wait([public])


async def test_stream_holds_its_place_until_it_is_cancelled(small: Stage) -> None:
    header = small.authorized("groups")

    def watch() -> Any:
        return small.wire.unary_stream(WATCH)(WatchAccountsRequest().SerializeToString(), metadata=(header,))

    first = watch()
    await first.read()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watch().read()
    assert OmbudError.read(refused.value).facts == {"queue": "streams"}
    first.cancel()
    await full(small, Load.STREAM, 0)
    assert await watch().read()


async def test_command_whose_caller_has_gone_is_not_run(stage: Stage) -> None:
    header = stage.authorized("platform")
    async with held(stage):
        gone = await refusal_of(stage.call(REGISTER, registration(), header, timeout=0.2))
        assert gone.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        waits = asyncio.create_task(stage.call(REGISTER, registration(), header, timeout=20))
    await waits
    assert await registered(stage) == 1


async def test_write_that_can_not_be_done_in_time_is_refused_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = stage.authorized("platform")
    monkeypatch.setattr(stage.database._writer, "_took", 3.0)
    async with held(stage):
        refused = await refusal_of(stage.call(REGISTER, registration(), header, timeout=2))
        waits = asyncio.create_task(stage.call(REGISTER, registration(), header, timeout=20))
    assert (refused.reason, refused.facts["least_ms"]) == ("DEADLINE_TOO_SHORT", "3000")
    await waits
    assert await registered(stage) == 1


async def test_writes_beyond_the_bound_are_refused_with_when_to_come_back_and_reads_go_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_QUEUED_MOST", 3)
    header = stage.authorized("platform")
    async with held(stage):
        calls = [asyncio.create_task(stage.call(REGISTER, registration(), header)) for _ in range(8)]

        async def refused() -> bool:
            return sum(call.done() for call in calls) == 5

        await eventually(refused)
        await stage.call(GET, GetAccountRequest(account_id=new_id()), header)
        denied = await refusal_of(stage.call(REGISTER, registration(), stage.authorized("groups")))
        assert denied.reason == "WORKLOAD_NOT_ALLOWED", (
            "a denial that can not be queued for the audit is still a denial"
        )
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, OmbudError)]
    assert len(refusals) == 5
    for refusal in refusals:
        assert refusal.reason == "OVERLOADED"
        assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.retry_after
