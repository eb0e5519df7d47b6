"""A disclosure: the records of one group of one day, out of 30 days of data, as two persons open and read them."""

import statistics
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import grpc.aio

from bench.append import Producer, proof_of
from bench.line import Line
from bench.records import FRAME_RECORDS, Records
from bench.world import WrongAnswerError
from chassis.auth.tokens import DevIssuer
from ombud.client import request_id
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.access_service_pb2 import (
    AccessScope,
    ApproveAccessRequest,
    ReadRecordsRequest,
    RequestAccessRequest,
)
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombudctl.story.host import MovableClock
from ombudctl.story.suite import Suite, person

_DAYS, _FRAMES_A_DAY = 30, 10
_DAY = timedelta(days=1)
_READS = 5
_POLICY = Path(__file__).parent.parent / "policies" / "default.yaml"
_PRODUCER = "bench"
_OFFICER, _APPROVER = person("bench-officer", "records_officer"), person("bench-approver", "records_approver")


async def measure(records: Records) -> Line:
    """Median milliseconds of a read of the most talkative group's last day.

    Raises:
        WrongAnswerError: Other records came than were appended.
    """
    frames = records.frames[:_FRAMES_A_DAY]
    said = Counter(frame.group_ids[index] for frame in frames for index in frame.group_indexes)
    (group, count), *_ = said.most_common(1)
    with tempfile.TemporaryDirectory() as folder:
        async with Suite(Path(folder), _POLICY, MovableClock(-_DAYS * _DAY)) as suite:
            await _fill(suite, records)
            scope = AccessScope(group_ids=[group], interval=_last_day(suite))
            access_id = await _open(suite, scope)
            took = [await _read(suite, access_id, scope, count) for _ in range(_READS)]
    more: dict[str, float | str | None] = {
        "records": count,
        "of_the_day": _FRAMES_A_DAY * FRAME_RECORDS,
        "of_all": _DAYS * _FRAMES_A_DAY * FRAME_RECORDS,
        "first_ms": took[0],
    }
    return Line("read", statistics.median(took), "ms", more=more)


async def _fill(suite: Suite, records: Records) -> None:
    ingest, sequence = IngestServiceStub(suite.workload("platform")), 1
    for day in range(_DAYS):
        if day:
            await suite.advance(_DAY)
        for frame in records.frames[:_FRAMES_A_DAY]:
            request = AppendBatchRequest(frame=frame)
            request.frame.producer, request.frame.first_sequence = _PRODUCER, sequence
            del request.frame.event_times_micros[:]
            request.frame.event_times_micros.extend([0] * FRAME_RECORDS)
            await ingest.AppendBatch(request)
            sequence += FRAME_RECORDS
    token = DevIssuer(suite.data, suite.clock).workload("platform")
    async with grpc.aio.insecure_channel(suite.target) as channel:
        await proof_of(channel, token, Producer(_PRODUCER, records.frames[:_FRAMES_A_DAY]), sequence - 1)


def _last_day(suite: Suite) -> Interval:
    interval = Interval()
    now = suite.now()
    interval.start_time.FromDatetime(now.replace(hour=0, minute=0, second=0, microsecond=0))
    interval.end_time.FromDatetime(now)
    return interval


async def _open(suite: Suite, scope: AccessScope) -> str:
    asked = RequestAccessRequest(
        request_id=request_id(),
        case_id="bench",
        legal_basis="own benchmark",
        purpose="to measure",
        scope=scope,
        most_reads=_READS,
    )
    asked.window.FromTimedelta(timedelta(hours=1))
    access_id = (await AccessServiceStub(suite.as_(_OFFICER)).RequestAccess(asked)).access.access_id
    approval = ApproveAccessRequest(request_id=request_id(), access_id=access_id)
    await AccessServiceStub(suite.as_(_APPROVER)).ApproveAccess(approval)
    return access_id


async def _read(suite: Suite, access_id: str, scope: AccessScope, count: int) -> float:
    stub, request = AccessServiceStub(suite.as_(_OFFICER)), ReadRecordsRequest(access_id=access_id, scope=scope)
    began = time.perf_counter()
    found = [record async for answer in stub.ReadRecords(request) for record in answer.records]
    took = time.perf_counter() - began
    if len(found) != count or {record.group_id for record in found} != set(scope.group_ids):
        raise WrongAnswerError(f"ReadRecords: {len(found)} records, not {count}")
    return took * 1e3
