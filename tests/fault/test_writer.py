"""Each call by which the log's writer changes a file fails: nothing acknowledged is lost, nothing is there twice."""

import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from itertools import product
from pathlib import Path

import pytest

from ombud.common.v1.error_reason_pb2 import ErrorReason
from ombud.retention.v1.ingest_service_pb2 import AppendRequest, AppendResponse, Frame, GetProgressRequest
from ombud.retention.v1.log_service_pb2 import GetReceiptRequest
from ombud.retention.v1.record_pb2 import ProofState
from ombud.verify import verify_record
from services.retention.checks.findings import Finding
from services.retention.checks.fsck import check as fsck
from services.retention.purges import store as purges
from tests.fault.layer import FaultLayer, Site
from tests.integration.retention.custodians import Custodians
from tests.integration.retention.harness import Retention, bodies, frame, running_retention
from tests.integration.retention.purging import CEILING, DAY, stacked
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

PRODUCER = "chat-1"
RECORDS = 5
_MOST_DAYS = 10
ERRORS = (errno.EIO, errno.ENOSPC)


class Writer:
    """A retention service, started anew when it has to be, and its producer."""

    def __init__(self, folder: Path, people: Custodians) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self._people = people
        self._stack = contextlib.AsyncExitStack()
        self._retention: Retention | None = None
        self._kept = 0

    async def start(self) -> None:
        """Starts the service, again if it runs."""
        await self.stop()
        running = running_retention(self.folder, clock=self.clock, first_custodians=self._people.public)
        self._retention = await self._stack.enter_async_context(running)

    async def stop(self) -> None:
        """Stops the service, if it runs."""
        await self._stack.aclose()

    async def live_a_day(self) -> None:
        """A new day: records are appended, sealed and proved, and the day before closes."""
        self.clock.advance(DAY)
        await self._append()
        await eventually(self._sealed)
        for sequence in range(self._kept - RECORDS + 1, self._kept + 1):
            proof = (await self._running.receipt(sequence)).proof
            verified = verify_record(proof, self._running.verifier_key, bodies(sequence, 1)[0])
            assert verified.index == sequence - 1
        await eventually(self._only_today_is_open)

    @property
    def _running(self) -> Retention:
        assert self._retention is not None
        return self._retention

    async def _append(self) -> None:
        """Appends records; if that is refused, asks after a new start what was kept, and sends them again."""
        sent = frame(self._kept + 1, bodies(self._kept + 1, RECORDS))
        answer = await self._send(sent)
        if answer.HasField("refusal"):
            assert answer.refusal.reason == ErrorReason.ERROR_REASON_STORAGE_FAILED
            await self.start()
            kept = (await self._running.ingest.GetProgress(GetProgressRequest(producer=PRODUCER))).acked_sequence
            assert kept in (self._kept, self._kept + RECORDS)
            again = await self._send(sent)
            assert again.ack.added_records == self._kept + RECORDS - kept
        self._kept += RECORDS

    async def _send(self, sent: Frame) -> AppendResponse:
        (answer,) = [answer async for answer in self._running.ingest.Append(iter([AppendRequest(frame=sent)]))]
        assert isinstance(answer, AppendResponse)
        return answer

    async def _sealed(self) -> bool:
        """Whether a segment holds all that was sent; a service whose health is red is started anew."""
        if not await self._running.serving():
            await self.start()
        asked = GetReceiptRequest(producer=PRODUCER, sequence=self._kept)
        return (await self._running.log.GetReceipt(asked)).state == ProofState.PROOF_STATE_SEALED

    async def _only_today_is_open(self) -> bool:
        return len(list((self.folder / "keys" / "days").glob("*.chat.secret"))) == 1


def findings(folder: Path) -> Sequence[Finding]:
    """What fsck finds."""
    return fsck(folder, f"sqlite:///{folder}/retention.db").findings


@pytest.fixture
async def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Writer]:
    monkeypatch.setattr("chassis.run._BEGIN_AGAIN", 0.01)
    monkeypatch.setattr("chassis.run._HEALTH_EVERY", 0.02)
    made = Writer(tmp_path / "data", Custodians.make(tmp_path / "people"))
    yield made
    await made.stop()


def faults(sites: Sequence[Site], *, all_of_them: bool) -> list[tuple[Site, int]]:
    """Each site with each error; in the short form with one of them, by turns, and closing a file left out."""
    if all_of_them:
        return list(product(sites, ERRORS))
    short = (site for site in sites if site.call != "close")
    return [(site, ERRORS[number % len(ERRORS)]) for number, site in enumerate(short)]


async def live_until_spent(writer: Writer, layer: FaultLayer) -> None:
    """Lives until the call has failed: which of two jobs makes a folder, say, is not the same on every day."""
    for _ in range(_MOST_DAYS):
        await writer.live_a_day()
        if layer.spent:
            return
    raise AssertionError(f"not called within {_MOST_DAYS} days")


async def test_every_call_of_the_writer_fails_once_and_nothing_is_lost_or_there_twice(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """Keys, write-ahead file, segment, tiles, checkpoint, the closing of a day."""
    await writer.start()
    await writer.live_a_day()
    layer = FaultLayer(writer.folder, monkeypatch)
    await writer.live_a_day()
    sites = list(layer.seen)
    assert {site.call for site in sites} >= {
        "open",
        "write",
        "fsync",
        "fdatasync",
        "close",
        "replace",
        "unlink",
        "mkdir",
    }
    for site, number in faults(sites, all_of_them=pytestconfig.getoption("--all-faults")):
        layer.arm(site, number)
        await live_until_spent(writer, layer)
        assert findings(writer.folder) == [], (site, number)
    await writer.live_a_day()
    await writer.start()
    await writer.stop()
    assert findings(writer.folder) == []


async def test_every_call_of_the_start_fails_once_and_the_next_start_is_good(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    await writer.start()
    await writer.live_a_day()
    layer = FaultLayer(writer.folder, monkeypatch)
    await writer.start()
    sites = [site for site in layer.seen if site.call != "close"]
    for site, number in faults(sites, all_of_them=pytestconfig.getoption("--all-faults")):
        layer.arm(site, number)
        with contextlib.suppress(OSError):
            await writer.start()
        if not layer.spent:
            await live_until_spent(writer, layer)
        assert findings(writer.folder) == [], (site, number)
    await writer.start()
    await writer.live_a_day()


async def test_every_call_of_a_purge_fails_once_and_the_next_start_finishes_it(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    await writer.start()
    await writer.live_a_day()
    await writer.live_a_day()
    await writer.stop()
    folder, due = tmp_path / "purged", writer.clock.now() + CEILING
    layer = FaultLayer(folder, monkeypatch)
    shutil.copytree(writer.folder, folder)
    async with stacked(folder, ManualClock(due)) as stack:
        layer.seen.clear()
        await stack.pass_ceiling()
    sites = list(layer.seen)
    assert {site.call for site in sites} == {"open", "write", "fsync", "close", "unlink"}
    for site, number in faults(sites, all_of_them=pytestconfig.getoption("--all-faults")):
        shutil.rmtree(folder)
        shutil.copytree(writer.folder, folder)
        clock = ManualClock(due)
        async with stacked(folder, clock) as stack:
            layer.arm(site, number)
            with pytest.raises(OSError, match=os.strerror(number)):
                await stack.pass_ceiling()
        assert layer.spent, site
        assert findings(folder) == [], (site, number)
        async with stacked(folder, clock) as stack:
            await stack.purging.tick()
            assert await stack.database.read(purges.unfinished) == []
        assert findings(folder) == [], (site, number)
        assert not list((folder / "segments").rglob("chat-*"))
