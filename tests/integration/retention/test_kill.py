import asyncio
import contextlib
import multiprocessing
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import grpc
import pytest

from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.access_service_pb2 import (
    AccessScope,
    ApproveAccessRequest,
    ReadRecordsRequest,
    RequestAccessRequest,
    RetainedRecord,
)
from ombud.retention.v1.ingest_service_pb2 import AppendRequest, AppendResponse, GetProgressRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombud.retention.v1.log_service_pb2 import GetCheckpointRequest, GetConsistencyProofRequest
from ombud.retention.v1.log_service_pb2_grpc import LogServiceStub
from ombud.verify import verify_checkpoint, verify_consistency
from ombud.verify.note import Checkpoint
from tests.integration.retention import child
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame
from tests.support.eventually import eventually

PRODUCERS = ("chat-1", "chat-2", "chat-3")
FRAME = 20
# What is killed is forked from a process that has imported it all already: most of a start is importing.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([child.__name__])


@dataclass
class Sender:
    """A producer that goes on from what was acknowledged, and remembers it."""

    name: str
    acked: int = 0
    sent: int = 0

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Sends frames, up to ten ahead of the acknowledgements, until the stream breaks."""
        call = IngestServiceStub(channel).Append()
        start, ahead = self.acked + 1, 0
        while True:
            while ahead < 10:
                sent = frame(start, bodies(start, FRAME), producer=self.name, groups=(GROUP, OTHER_GROUP))
                await call.write(AppendRequest(frame=sent))
                start, ahead = start + FRAME, ahead + 1
                self.sent = max(self.sent, start - 1)
            answer = await call.read()
            if not isinstance(answer, AppendResponse):
                return
            assert answer.HasField("ack"), answer.refusal
            self.acked = max(self.acked, answer.ack.acked_sequence)
            ahead -= 1


@dataclass(frozen=True)
class Running:
    """The process while it serves."""

    process: ForkServerProcess
    retention: Retention


@dataclass
class Service:
    """The process to be killed, and what was seen of its log."""

    folder: Path
    issuer: DevIssuer
    seen: list[Checkpoint] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """The service in a process, killed at the end of the block."""
        ours, theirs = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=child.main, args=(self.folder, theirs))
        await asyncio.to_thread(process.start)
        theirs.close()
        try:
            assert await asyncio.to_thread(ours.poll, 30)
            retention = Retention(self.folder, ours.recv(), self.issuer)
            yield Running(process, retention)
            await retention.close()
        finally:
            process.kill()
            await asyncio.to_thread(process.join)
            process.close()
            ours.close()

    async def check_log(self, retention: Retention) -> None:
        """The log has only grown since the last look."""
        log = LogServiceStub(retention.channel(workload="platform"))
        key = retention.verifier_key
        newest = verify_checkpoint((await log.GetCheckpoint(GetCheckpointRequest())).checkpoint, key)
        for old in self.seen[-5:]:
            request = GetConsistencyProofRequest(old_size=old.size, new_size=newest.size)
            proof = await log.GetConsistencyProof(request)
            verify_consistency(old.size, old.root, newest.size, newest.root, list(proof.hashes))
        self.seen.append(newest)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    (tmp_path / "data").mkdir()
    return Service(tmp_path / "data", DevIssuer(tmp_path / "data", SystemClock()))


async def everything(retention: Retention) -> AsyncIterator[RetainedRecord]:
    """All records, as two persons read them, one after the other: they need not fit into memory."""
    now = SystemClock().now()
    day = timedelta(days=1)
    interval = Interval(start_time=timestamp(now - day), end_time=timestamp(now + day))
    scope = AccessScope(group_ids=[GROUP, OTHER_GROUP], interval=interval)
    officer = retention.access("records_officer", "officer-1")
    request = RequestAccessRequest(
        request_id=new_id(),
        case_id="case-1",
        legal_basis="own test",
        purpose="to count",
        scope=scope,
        most_reads=1,
    )
    request.window.FromTimedelta(timedelta(hours=12))
    access_id = (await officer.RequestAccess(request)).access.access_id
    approver = retention.access("records_approver", "approver-1")
    await approver.ApproveAccess(ApproveAccessRequest(request_id=new_id(), access_id=access_id))
    reading = officer.ReadRecords(ReadRecordsRequest(access_id=access_id, scope=scope))
    async for answer in reading:
        for record in answer.records:
            yield record


async def send_until_killed(running: Running, senders: Sequence[Sender]) -> None:
    """Lets the producers send until some of each one's records are acknowledged, then kills while they go on."""
    before = [sender.acked for sender in senders]
    channels = [running.retention.channel(workload="platform") for _ in senders]
    tasks = [asyncio.create_task(sender.run(channel)) for sender, channel in zip(senders, channels, strict=True)]

    async def moved() -> bool:
        return all(sender.acked > start for sender, start in zip(senders, before, strict=True))

    await eventually(moved)
    await asyncio.sleep(random.uniform(0, 0.5))  # noqa: S311 - when to kill
    running.process.kill()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(ended, OmbudError | asyncio.InvalidStateError), ended


async def test_killed_again_and_again_it_keeps_all_that_it_acknowledged_once(
    service: Service, pytestconfig: pytest.Config
) -> None:
    senders = [Sender(name) for name in PRODUCERS]
    for _ in range(pytestconfig.getoption("--kills")):
        async with service.running() as running:
            await service.check_log(running.retention)
            await send_until_killed(running, senders)
    async with service.running() as running:
        retention = running.retention
        await service.check_log(retention)
        ingest = IngestServiceStub(retention.channel(workload="platform"))
        kept = {
            sender.name: (await ingest.GetProgress(GetProgressRequest(producer=sender.name))).acked_sequence
            for sender in senders
        }
        for sender in senders:
            assert sender.acked <= kept[sender.name] <= sender.sent
        found = Counter[str]()
        async for record in everything(retention):
            assert record.index == found.total()
            found[record.producer] += 1
            assert record.sequence == found[record.producer]
            assert record.body == bodies(record.sequence, 1)[0]
        assert found == kept
