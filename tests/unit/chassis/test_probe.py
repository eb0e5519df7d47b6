"""The waits by which a server notices that it has more to do than it can, on the real server under load."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import pytest
from sqlmodel import Session

from chassis.ids import new_id
from chassis.leading import cancel
from ombud.client import OmbudError
from ombud.identity.v1.account_service_pb2 import GetAccountRequest
from ombud.identity.v1.accreditation_service_pb2 import CheckMarkRequest
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.support.stage import CHECK_MARK, GET, REGISTER, Stage
from tests.unit.chassis.test_pipeline import registration

_WORK = 0.01
_FLOOD = 400


@pytest.fixture
async def probed(stage: Stage) -> AsyncIterator[Stage]:
    """A server that looks at how long its calls wait."""
    running = asyncio.create_task(stage.probe.run())
    yield stage
    await cancel([running])


async def work() -> None:
    """Keeps the server busy, which can do nothing else meanwhile."""
    time.sleep(_WORK)  # noqa: ASYNC251 - that is the point


async def outcome(stage: Stage) -> OmbudError | None:
    try:
        await stage.call(GET, GetAccountRequest(account_id=new_id()), stage.authorized("platform"), timeout=30)
    except OmbudError as error:
        return error
    return None


async def test_flood_is_turned_away_instead_of_waiting_and_calls_come_in_again_after_it(probed: Stage) -> None:
    probed.part.before = work
    began = time.monotonic()
    found = await asyncio.gather(*(outcome(probed) for _ in range(_FLOOD)))
    took = time.monotonic() - began
    refused = [error for error in found if error]
    assert Counter(error.reason for error in refused).keys() == {"OVERLOADED"}
    assert all(error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and error.retry_after for error in refused)
    assert len(refused) < _FLOOD
    assert took < _FLOOD * _WORK, "the last would have waited for all"

    async def calm() -> bool:
        return await outcome(probed) is None and probed.probe.pressure.value < 1

    await eventually(calm)


async def test_calls_one_after_the_other_are_not_turned_away_however_busy_the_server_is(probed: Stage) -> None:
    probed.part.before = work
    assert [await outcome(probed) for _ in range(30)] == [None] * 30


async def test_reads_go_on_while_writes_and_what_anyone_may_call_are_turned_away(stage: Stage) -> None:
    stage.probe.pressure.value = 3.0
    header = stage.authorized("platform")
    for _ in range(20):
        await stage.call(GET, GetAccountRequest(account_id=new_id()), header)
    write = await refusal_of(stage.call(REGISTER, registration(), header))
    public = await refusal_of(stage.call(CHECK_MARK, CheckMarkRequest(account_id=new_id())))
    assert [(each.reason, each.facts["queue"]) for each in (write, public)] == [
        ("OVERLOADED", "writes"),
        ("OVERLOADED", "public calls"),
    ]


async def test_reads_that_wait_for_a_thread_are_seen_to_wait(stage: Stage) -> None:
    go_on = threading.Event()

    def hold(_session: Session) -> None:
        go_on.wait(10)

    reads = [asyncio.create_task(stage.database.read(hold)) for _ in range(2)]
    reads += [asyncio.create_task(stage.database.read(lambda _session: time.sleep(0.02))) for _ in range(20)]
    await asyncio.sleep(0.1)
    go_on.set()

    async def seen() -> bool:
        return stage.database.read_wait >= 0.1

    await eventually(seen)
    await asyncio.gather(*reads)
    assert stage.database.read_wait == 0


async def test_read_whose_caller_has_gone_is_not_run(stage: Stage) -> None:
    go_on, ran = threading.Event(), threading.Event()
    reads = [asyncio.create_task(stage.database.read(lambda _session: go_on.wait(10))) for _ in range(2)]
    gone = asyncio.create_task(stage.database.read(lambda _session: ran.set()))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    go_on.set()
    assert await asyncio.gather(*reads) == [True, True]
    assert await stage.database.read(lambda _session: ran.is_set()) is False
