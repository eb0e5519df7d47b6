import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.db import Database
from chassis.db.tables import FeedPosition
from chassis.delivery import AuditDelivery
from chassis.peers import Peers
from chassis.telemetry import enter, parse_parent
from ombud.common.v1.audit_pb2 import AuditRecord
from ombud.retention.v1.audit_service_pb2 import AppendAuditRecordsRequest, AppendAuditRecordsResponse
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceServicer, add_AuditServiceServicer_to_server
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.stage import PARENT, TRACE, Stage


@dataclass
class Log(AuditServiceServicer):
    """The other side: keeps what it is sent, or refuses as often as it is told to."""

    records: list[AuditRecord] = field(default_factory=list)
    calls: int = 0
    refusals: list[grpc.StatusCode] = field(default_factory=list)
    silent_once: bool = False

    async def AppendAuditRecords(self, request: AppendAuditRecordsRequest, context: Any) -> AppendAuditRecordsResponse:
        self.calls += 1
        if self.refusals:
            await context.abort(self.refusals.pop(0))
        self.records.extend(request.records)
        if self.silent_once:
            self.silent_once = False
            await context.abort(grpc.StatusCode.INTERNAL)
        return AppendAuditRecordsResponse(added_records=len(request.records))


@dataclass
class Side:
    """Both ends of a delivery."""

    database: Database
    log: Log
    target: str
    stage: Stage

    async def act(self, count: int, traceparent: str = "") -> None:
        async def acts() -> None:
            enter(parse_parent(traceparent))
            for _ in range(count):
                await self.database.work("test", lambda unit: unit.audit("counter.total.incremented"))

        await asyncio.create_task(acts())

    @contextlib.asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        peers = Peers({"retention": self.target}, token=lambda: self.stage.issuer.workload("counter"))
        task = asyncio.create_task(AuditDelivery(self.database, peers, self.stage.telemetry).run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await peers.close()

    async def has_delivered(self, count: int) -> None:
        async def reached() -> bool:
            return len(self.log.records) >= count

        await eventually(reached)

    async def has_kept_position(self, sequence: int) -> None:
        async def reached() -> bool:
            row = await self.database.read(lambda session: session.get(FeedPosition, "audit-delivery"))
            return row is not None and row.revision == sequence

        await eventually(reached)

    @property
    def sequences(self) -> list[int]:
        return [record.sequence for record in self.log.records]


@pytest.fixture
async def side(stage: Stage, tmp_path: Path) -> AsyncIterator[Side]:
    database = Database(
        f"sqlite:///{tmp_path}/side.db", service="counter", clock=ManualClock(), migrations="tests.support.counter"
    )
    await database.open()
    log = Log()  # type: ignore[abstract]  # queries are not played
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    add_AuditServiceServicer_to_server(log, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield Side(database, log, f"127.0.0.1:{port}", stage)
    await server.stop(0)
    await database.close()


async def test_records_before_and_after_the_start_arrive_in_order(side: Side) -> None:
    await side.act(3)
    async with side.delivering():
        await side.has_delivered(3)
        await side.act(2)
        await side.has_delivered(5)
    assert side.sequences == [1, 2, 3, 4, 5]
    assert {record.action for record in side.log.records} == {"counter.total.incremented"}


async def test_delivery_that_starts_again_goes_on_where_it_stopped(side: Side) -> None:
    await side.act(3)
    async with side.delivering():
        await side.has_kept_position(3)
    await side.act(1)
    async with side.delivering():
        await side.has_kept_position(4)
    assert side.sequences == [1, 2, 3, 4]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
async def test_refused_delivery_is_tried_again_until_it_succeeds(side: Side, code: grpc.StatusCode) -> None:
    side.log.refusals = [code] * 2
    await side.act(3)
    async with side.delivering():
        await side.has_kept_position(3)
    assert side.sequences == [1, 2, 3]


async def test_delivery_whose_answer_is_lost_is_sent_again_for_the_log_to_know_it(side: Side) -> None:
    side.log.silent_once = True
    await side.act(2)
    async with side.delivering():
        await side.has_kept_position(2)
    assert side.sequences == [1, 2, 1, 2]
    assert len({record.audit_id for record in side.log.records}) == 2


async def test_delivery_is_part_of_the_trace_that_made_the_record(side: Side) -> None:
    await side.act(1, f"00-{TRACE}-{PARENT}-00")
    await side.act(1)
    async with side.delivering():
        await side.has_kept_position(2)
    delivered = [span for span in side.stage.spans() if span.name == "deliver audit records"]
    (span,) = delivered
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
