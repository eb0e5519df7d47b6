"""IngestService."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

from chassis.clock import Clock
from chassis.instants import timestamp
from chassis.metrics import Declared, Meter
from chassis.refusal import Refusal
from ombud.retention.v1 import ingest_service_pb2 as pb
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceServicer
from services.retention.ingest.backlog import Backlog
from services.retention.ingest.domain import batch_of, is_producer, unreadable
from services.retention.ingest.journal import Appended, Journal
from services.retention.log.ledger import Ledger
from services.retention.segments.records import RecordBatch, from_micros, to_micros
from services.retention.wire import Context

_FRAMES_IN_FLIGHT = 32
_ACKS = Declared("ombud.ack.duration", "s")
_Outcome = asyncio.Future[Appended] | Refusal


class IngestServicer(IngestServiceServicer):
    """Takes frames in and acknowledges what is on stable storage."""

    def __init__(self, journal: Journal, backlog: Backlog, ledger: Ledger, *, clock: Clock, meter: Meter) -> None:
        self._journal = journal
        self._backlog = backlog
        self._ledger = ledger
        self._clock = clock
        self._acks = meter.histogram(_ACKS)
        self._refused: Counter[str] = Counter()
        self._unreadable = 0
        self._readers: set[asyncio.Task[None]] = set()
        self._draining = False

    async def Append(
        self, requests: AsyncIterator[pb.AppendRequest | None], _context: Context
    ) -> AsyncIterator[pb.AppendResponse]:
        """Answers each frame of a stream, in order; frames that wait share an fsync. None: what came is no frame."""
        if self._draining:
            raise Refusal.draining()
        waiting: asyncio.Queue[tuple[str, _Outcome] | None] = asyncio.Queue(_FRAMES_IN_FLIGHT)
        reader = asyncio.create_task(self._take(requests, waiting))
        self._readers.add(reader)
        number = 0
        try:
            while (each := await waiting.get()) is not None:
                yield await self._answer(number, *each)
                number += 1
            if self._draining:
                raise Refusal.draining()
            await reader
        finally:
            self._readers.discard(reader)
            reader.cancel()

    def drain(self) -> None:
        """Reads no more frames; a stream ends when those that were read are answered."""
        self._draining = True
        for reader in self._readers:
            reader.cancel()

    async def AppendBatch(self, request: pb.AppendBatchRequest, _context: Context) -> pb.AppendBatchResponse:
        """Stores one frame."""
        try:
            batch = self._batch(request.frame)
            self._backlog.check()
            appended = await (await self._append(batch))
        except Refusal:
            self._count(request.frame.producer)
            raise
        return pb.AppendBatchResponse(ack=_ack(batch.producer, appended))

    async def GetProgress(self, request: pb.GetProgressRequest, _context: Context) -> pb.GetProgressResponse:
        """Says what is acknowledged, and signs that."""
        acked = self._journal.acked(request.producer)
        return pb.GetProgressResponse(
            acked_sequence=acked,
            receipt=self._ledger.receipt(request.producer, acked, self._clock.now()),
            refused_frames=self._refused[request.producer],
            unreadable_frames=self._unreadable,
        )

    async def _take(
        self, requests: AsyncIterator[pb.AppendRequest | None], waiting: asyncio.Queue[tuple[str, _Outcome] | None]
    ) -> None:
        """Hands the frames on as they come; stops reading while too many wait, which holds the sender back."""
        try:
            async for request in requests:
                if request is None:
                    self._unreadable += 1
                    await waiting.put(("", unreadable()))
                else:
                    await waiting.put((request.frame.producer, await self._begin(request.frame)))
        finally:
            await waiting.put(None)

    async def _begin(self, frame: pb.Frame) -> _Outcome:
        try:
            return await self._append(self._batch(frame))
        except Refusal as refusal:
            return refusal

    async def _append(self, batch: RecordBatch) -> asyncio.Future[Appended]:
        """Lets a batch in; what it returns is done once the batch is on stable storage."""
        began = time.perf_counter()
        await self._backlog.admit(len(batch))
        appended = self._journal.append(batch)
        appended.add_done_callback(lambda _done: self._acks.record(time.perf_counter() - began))
        return appended

    async def _answer(self, number: int, producer: str, outcome: _Outcome) -> pb.AppendResponse:
        try:
            if isinstance(outcome, Refusal):
                raise outcome
            return pb.AppendResponse(frame_number=number, ack=_ack(producer, await outcome))
        except Refusal as refusal:
            self._count(producer)
            return pb.AppendResponse(frame_number=number, refusal=_refusal(refusal))

    def _count(self, producer: str) -> None:
        """Counts what was refused; not for names that no producer can have, of which there is no end."""
        if is_producer(producer):
            self._refused[producer] += 1

    def _batch(self, frame: pb.Frame) -> RecordBatch:
        return batch_of(
            producer=frame.producer,
            first_sequence=frame.first_sequence,
            group_ids=frame.group_ids,
            group_indexes=list(frame.group_indexes),
            event_times=list(frame.event_times_micros),
            bodies=list(frame.bodies),
            now=to_micros(self._clock.now()),
        )


def _ack(producer: str, appended: Appended) -> pb.Ack:
    ack = pb.Ack(
        producer=producer,
        acked_sequence=appended.acked_sequence,
        added_records=appended.added,
        first_index=appended.first_index,
    )
    if appended.added:
        ack.receive_time.CopyFrom(timestamp(from_micros(appended.receive_time)))
    return ack


def _refusal(refusal: Refusal) -> pb.FrameRefusal:
    answer = pb.FrameRefusal(
        reason=refusal.reason, message=refusal.message, satisfy=refusal.satisfy, facts=refusal.facts
    )
    if refusal.retry_after is not None:
        answer.retry_after.FromTimedelta(refusal.retry_after)
    return answer
