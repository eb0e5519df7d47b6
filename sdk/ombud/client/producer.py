"""Sends records to retention: in order, once, and on through broken connections."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple, Self

import grpc
import grpc.aio

from ombud.client.errors import OmbudError
from ombud.retention.v1.ingest_service_pb2 import AppendRequest, AppendResponse, Frame, GetProgressRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub

FRAME_RECORDS = 4096
FRAME_BYTES = 192 * 1024
FRAMES_IN_FLIGHT = 8
UNACKED_BYTES = 4 * 1024 * 1024
_RECORD_COST = 32  # bytes of a frame's columns for one record, and of this side's bookkeeping
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BROKEN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
_COME_BACK = {"", "OVERLOADED", "DRAINING", "PEER_UNAVAILABLE", "DEADLINE_TOO_SHORT"}


class _Record(NamedTuple):
    group_id: str
    event_time_micros: int
    body: bytes

    @property
    def cost(self) -> int:
        return len(self.body) + _RECORD_COST


class Producer:
    """One producer of records: numbers them, sends them in frames and waits for what became durable.

    Use it as an asynchronous context manager. Leaving it waits until all is acknowledged. One producer
    name belongs to one writer at a time.

        async with Producer(channel, "chat-1") as producer:
            for message in messages[producer.acked:]:
                await producer.append(message.group_id, message.time, message.data)

    Args:
        channel: Channel of a workload that may append.
        name: The producer's name: a-z, 0-9, '.', '_', '-'; at most 64 characters.
        progress: Called with the highest acknowledged sequence whenever it rises.
        patience: Seconds to go on trying while nothing is acknowledged, before giving up.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        name: str,
        *,
        progress: Callable[[int], None] | None = None,
        patience: float = 30.0,
    ) -> None:
        self._stub = IngestServiceStub(channel)
        self._name = name
        self._progress = progress
        self._patience = patience
        self._acked = 0
        self._sent = 0
        self._frames = 0
        self._unacked: deque[_Record] = deque()
        self._unacked_bytes = 0
        self._closing = False
        self._failure: Exception | None = None
        self._work = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def acked(self) -> int:
        """Every record up to and including this sequence is durable; 0 before the first."""
        return self._acked

    async def __aenter__(self) -> Self:
        progress = await self._stub.GetProgress(GetProgressRequest(producer=self._name))
        self._acked = self._sent = progress.acked_sequence
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._task:
            return
        try:
            if kind is None:
                await self.flush()
                self._closing = True
                self._work.set()
                await self._task
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def append(self, group_id: str, event_time: datetime, body: bytes) -> int:
        """Takes one record over; waits while too much is on its way.

        Args:
            group_id: The group it belongs to (UUID).
            event_time: When it happened; aware.
            body: The record in the platform's own serialisation; at most 65,535 bytes.

        Returns:
            The record's sequence.

        Raises:
            OmbudError: A frame was refused, or the connection stayed broken past the patience.
        """
        if self._failure:
            raise self._failure
        while self._unacked_bytes >= UNACKED_BYTES:
            await self._next_move()
        record = _Record(group_id, (event_time - _EPOCH) // _MICROSECOND, body)
        self._unacked.append(record)
        self._unacked_bytes += record.cost
        self._work.set()
        return self._acked + len(self._unacked)

    async def flush(self) -> None:
        """Waits until every record taken over is durable.

        Raises:
            OmbudError: A frame was refused, or the connection stayed broken past the patience.
        """
        while self._unacked:
            await self._next_move()

    async def _next_move(self) -> None:
        if self._failure:
            raise self._failure
        self._moved.clear()
        await self._moved.wait()

    async def _run(self) -> None:
        try:
            await self._keep_streaming()
        except Exception as error:  # noqa: BLE001 - whatever ended the task is told to those who wait for it
            self._failure = error
            self._moved.set()

    async def _keep_streaming(self) -> None:
        loop = asyncio.get_running_loop()
        acked, since, tries = self._acked, loop.time(), 0
        while not self._closing:
            broken = OmbudError(grpc.StatusCode.UNAVAILABLE, details="the server ended the stream")
            try:
                await self._stream()
            except OmbudError as error:
                if not _may_come_back(error):
                    raise
                broken = error
            if self._acked > acked:
                acked, since, tries = self._acked, loop.time(), 0
            elif loop.time() - since > self._patience:
                raise broken
            tries += 1
            if not self._closing:
                # Full jitter: producers that lost one server do not come back as one.
                await asyncio.sleep(random.uniform(0, min(2.0, 0.05 * 2**tries)))  # noqa: S311 - not a secret

    async def _stream(self) -> None:
        """Sends what is not acknowledged on a fresh stream until it breaks or all is done."""
        self._sent, self._frames = self._acked, 0
        self._work.set()
        call = self._stub.Append()
        writer = asyncio.create_task(self._write(call))
        try:
            async for answer in call:
                self._take(answer)
        finally:
            call.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _write(self, call: grpc.aio.StreamStreamCall[AppendRequest, AppendResponse]) -> None:
        while not self._closing:
            await self._work.wait()
            self._work.clear()
            while self._frames < FRAMES_IN_FLIGHT and (frame := self._next_frame()):
                self._frames += 1
                await call.write(AppendRequest(frame=frame))
        await call.done_writing()

    def _next_frame(self) -> Frame | None:
        first = self._sent - self._acked
        if first >= len(self._unacked):
            return None
        frame = Frame(producer=self._name, first_sequence=self._sent + 1)
        groups: dict[str, int] = {}
        size = 0
        for record in islice(self._unacked, first, first + FRAME_RECORDS):
            size += record.cost
            if size > FRAME_BYTES and frame.bodies:
                break
            frame.group_indexes.append(groups.setdefault(record.group_id, len(groups)))
            frame.event_times_micros.append(record.event_time_micros)
            frame.bodies.append(record.body)
        frame.group_ids.extend(groups)
        self._sent += len(frame.bodies)
        return frame

    def _take(self, answer: AppendResponse) -> None:
        if answer.HasField("refusal"):
            refusal = answer.refusal
            raise OmbudError.of(refusal.reason, refusal.message, satisfy=refusal.satisfy, facts=refusal.facts)
        self._frames -= 1
        while self._acked < answer.ack.acked_sequence and self._unacked:
            self._unacked_bytes -= self._unacked.popleft().cost
            self._acked += 1
        self._work.set()
        self._moved.set()
        if self._progress:
            self._progress(self._acked)


def _may_come_back(error: OmbudError) -> bool:
    """Whether a new stream may succeed where this one failed: it broke, or the server asked for patience."""
    return error.reason in _COME_BACK and (bool(error.reason) or error.code() in _BROKEN)
