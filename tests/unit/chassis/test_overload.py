import asyncio
import threading

import grpc
import pytest

from chassis.db import Unit, writer
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.identity.v1.account_service_pb2 import GetAccountRequest
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.support.stage import GET, REGISTER, Stage
from tests.unit.chassis.test_pipeline import registration


async def test_writes_beyond_the_bound_are_refused_with_when_to_come_back_and_reads_go_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_QUEUED_MOST", 3)
    held, go_on = threading.Event(), threading.Event()

    def hold(_unit: Unit) -> None:
        held.set()
        go_on.wait(10)

    header = stage.authorized("platform")
    holding = asyncio.create_task(stage.database.work("test", hold))
    await asyncio.to_thread(held.wait, 10)
    calls = [asyncio.create_task(stage.call(REGISTER, registration(), header)) for _ in range(8)]

    async def refused() -> bool:
        return sum(call.done() for call in calls) == 5

    await eventually(refused)
    await stage.call(GET, GetAccountRequest(account_id=new_id()), header)
    denied = await refusal_of(stage.call(REGISTER, registration(), stage.authorized("groups")))
    assert denied.reason == "WORKLOAD_NOT_ALLOWED", "a denial that can not be queued for the audit is still a denial"
    go_on.set()
    await holding
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, OmbudError)]
    assert len(refusals) == 5
    for refusal in refusals:
        assert refusal.reason == "OVERLOADED"
        assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.retry_after
