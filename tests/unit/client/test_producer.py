"""The producer against a server that keeps the contract of IngestService and is cut off at will."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud.client import OmbudError, Producer, connect
from ombud.client.producer import FRAME_BYTES, FRAMES_IN_FLIGHT
from ombud.common.v1.error_reason_pb2 import ERROR_REASON_RECORD_TOO_LARGE, ERROR_REASON_SEQUENCE_GAP
from ombud.retention.v1 import ingest_service_pb2_grpc
from ombud.retention.v1.ingest_service_pb2 import (
    Ack,
    AppendBatchRequest,
    AppendBatchResponse,
    AppendRequest,
    AppendResponse,
    Frame,
    FrameRefusal,
    GetProgressRequest,
    GetProgressResponse,
)

GROUP = "018f0000-0000-7000-8000-00000000000a"
OTHER = "018f0000-0000-7000-8000-00000000000b"
AT = datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)


@dataclass
class Ingest(ingest_service_pb2_grpc.IngestServiceServicer):
    """Stores frames by the contract.

    `faults` says of each coming frame whether the stream breaks before it is stored (-1), after it is
    stored and before its acknowledgement (1), or not at all (0).
    """

    stored: list[tuple[str, int, bytes]] = field(default_factory=list)
    faults: Iterator[int] = field(default_factory=lambda: iter(()))
    refuse: bytes = b""
    streams: int = 0
    frames: list[Frame] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def GetProgress(self, _request: GetProgressRequest, _context: object) -> GetProgressResponse:
        return GetProgressResponse(acked_sequence=len(self.stored))

    async def AppendBatch(self, request: AppendBatchRequest, _context: object) -> AppendBatchResponse:
        return AppendBatchResponse(ack=self._store(request.frame).ack)

    async def Append(
        self, requests: AsyncIterator[AppendRequest], context: grpc.aio.ServicerContext[AppendRequest, AppendResponse]
    ) -> AsyncIterator[AppendResponse]:
        self.streams += 1
        number = 0
        async for request in requests:
            self.frames.append(request.frame)
            await self.gate.wait()
            fault = next(self.faults, 0)
            if fault < 0:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut before")
            answer = self._store(request.frame)
            if fault > 0:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut after")
            answer.frame_number = number
            number += 1
            yield answer

    def _store(self, frame: Frame) -> AppendResponse:
        if self.refuse in frame.bodies:
            refusal = FrameRefusal(
                reason=ERROR_REASON_RECORD_TOO_LARGE, message="too large", satisfy="cut it", facts={"index": "0"}
            )
            return AppendResponse(refusal=refusal)
        if frame.first_sequence > len(self.stored) + 1:
            return AppendResponse(refusal=FrameRefusal(reason=ERROR_REASON_SEQUENCE_GAP))
        columns = zip(frame.group_indexes, frame.event_times_micros, frame.bodies, strict=True)
        for sequence, (group, micros, body) in enumerate(columns, frame.first_sequence):
            if sequence > len(self.stored):
                self.stored.append((frame.group_ids[group], micros, body))
            else:
                assert self.stored[sequence - 1][2] == body
        return AppendResponse(ack=Ack(producer=frame.producer, acked_sequence=len(self.stored)))


class Running:
    """The server on a port of its own."""

    def __init__(self, ingest: Ingest) -> None:
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(ingest, self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    async def __aenter__(self) -> str:
        await self._server.start()
        return f"127.0.0.1:{self._port}"

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)


async def append(
    channel: grpc.aio.Channel, body: bytes, *, patience: float = 30.0, then: Exception | None = None
) -> None:
    async with Producer(channel, "chat-1", patience=patience) as producer:
        await producer.append(GROUP, AT, body)
        if then:
            raise then


@pytest.fixture
async def ingest() -> Ingest:
    served = Ingest(refuse=b"refuse me")
    served.gate.set()
    return served


async def test_records_arrive_in_order_with_their_group_and_time(ingest: Ingest) -> None:
    progress: list[int] = []
    async with Running(ingest) as target, connect(target) as channel:
        async with Producer(channel, "chat-1", progress=progress.append) as producer:
            for number in range(10_000):
                sequence = await producer.append(GROUP if number % 3 else OTHER, AT, b"%d" % number)
                assert sequence == number + 1
        assert producer.acked == 10_000
    micros = (AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert ingest.stored == [(GROUP if number % 3 else OTHER, micros, b"%d" % number) for number in range(10_000)]
    assert progress == sorted(progress)
    assert progress[-1] == 10_000
    assert ingest.streams == 1


@settings(deadline=None, max_examples=15)
@given(
    faults=st.lists(st.sampled_from([-1, 0, 0, 1]), max_size=6),
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=4),
)
def test_cut_streams_lose_nothing_and_double_nothing(faults: list[int], sizes: list[int]) -> None:
    async def play() -> list[bytes]:
        ingest = Ingest(faults=iter(faults), refuse=b"refuse me")
        ingest.gate.set()
        async with Running(ingest) as target, connect(target) as channel, Producer(channel, "chat-1") as producer:
            number = 0
            for size in sizes:
                for _ in range(size):
                    await producer.append(GROUP, AT, b"%d" % number)
                    number += 1
                await producer.flush()
                assert producer.acked == number
        return [body for _, _, body in ingest.stored]

    assert asyncio.run(play()) == [b"%d" % number for number in range(sum(sizes))]


async def test_next_producer_goes_on_where_the_last_one_was(ingest: Ingest) -> None:
    async with Running(ingest) as target, connect(target) as channel:
        async with Producer(channel, "chat-1") as producer:
            await producer.append(GROUP, AT, b"first")
        async with Producer(channel, "chat-1") as producer:
            assert producer.acked == 1
            assert await producer.append(GROUP, AT, b"second") == 2
    assert [body for _, _, body in ingest.stored] == [b"first", b"second"]


async def test_refused_frame_is_told_with_its_reason(ingest: Ingest) -> None:
    async with Running(ingest) as target, connect(target) as channel:
        with pytest.raises(OmbudError) as refused:
            await append(channel, b"refuse me")
        assert ingest.streams == 1
    error = refused.value
    assert (error.reason, error.message, error.satisfy) == ("RECORD_TOO_LARGE", "too large", "cut it")
    assert error.facts == {"index": "0"}
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_frames_and_memory_are_bounded_while_nothing_is_acknowledged(ingest: Ingest) -> None:
    ingest.gate.clear()
    body = bytes(60_000)
    async with Running(ingest) as target, connect(target) as channel, Producer(channel, "chat-1") as producer:

        async def fill() -> None:
            for _ in range(200):
                await producer.append(GROUP, AT, body)

        filling = asyncio.create_task(fill())
        done, _ = await asyncio.wait([filling], timeout=0.3)
        assert not done
        assert len(ingest.frames) <= FRAMES_IN_FLIGHT
        ingest.gate.set()
        await filling
    assert len(ingest.stored) == 200
    assert max(frame.ByteSize() for frame in ingest.frames) <= FRAME_BYTES


async def test_patience_ends_with_what_was_wrong(ingest: Ingest) -> None:
    ingest.faults = iter([-1] * 100)
    async with Running(ingest) as target, connect(target) as channel:
        with pytest.raises(OmbudError) as refused:
            await append(channel, b"never", patience=0.2)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not ingest.stored


async def test_error_in_the_block_leaves_without_waiting(ingest: Ingest) -> None:
    ingest.gate.clear()
    async with Running(ingest) as target, connect(target) as channel:
        with pytest.raises(LookupError):
            await append(channel, b"left behind", then=LookupError())
    assert not ingest.stored
