import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest, AppendRequest
from tests.integration.retention.harness import Retention, bodies, frame


class Gate:
    """Holds every fdatasync back until it is opened, and counts them."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        self.count = 0

    def __call__(self, descriptor: int) -> None:
        self.count += 1
        self.entered.release()
        assert self.opened.wait(20)
        os.fsync(descriptor)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    held = Gate()
    monkeypatch.setattr(os, "fdatasync", held)
    yield held
    held.opened.set()


async def test_nothing_is_acknowledged_before_it_is_on_stable_storage(retention: Retention, gate: Gate) -> None:
    request = AppendBatchRequest(frame=frame(1, bodies(1, 5)))
    appending = asyncio.ensure_future(retention.ingest.AppendBatch(request))
    await asyncio.to_thread(gate.entered.acquire)
    done, _ = await asyncio.wait([appending], timeout=0.2)
    assert not done
    gate.opened.set()
    assert (await appending).ack.acked_sequence == 5


async def test_frames_that_wait_for_the_disk_share_the_next_fsync(retention: Retention, gate: Gate) -> None:
    ingest = retention.ingest
    frames = [AppendRequest(frame=frame(first, bodies(first, 5))) for first in range(1, 101, 5)]
    call = ingest.Append()
    await call.write(frames[0])
    await asyncio.to_thread(gate.entered.acquire)
    for each in frames[1:]:
        await call.write(each)
    await call.done_writing()
    await asyncio.sleep(0.2)  # the server reads on while the disk is busy, which nothing shows outside
    gate.opened.set()
    answers = [answer async for answer in call]
    assert [answer.ack.acked_sequence for answer in answers] == list(range(5, 101, 5))
    assert gate.count < len(frames)
