import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from chassis.config import ConfigError
from ombud.client import OmbudError, connect
from ombud.common.v1.error_reason_pb2 import ErrorReason
from ombud.retention.v1.ingest_service_pb2 import (
    AppendBatchRequest,
    AppendRequest,
    AppendResponse,
    Frame,
    GetProgressRequest,
)
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame, running_retention
from tests.support.clock import ManualClock
from tests.support.refusals import refusal_of

if TYPE_CHECKING:
    from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub


async def send(ingest: "IngestServiceAsyncStub", *frames: Frame) -> list[AppendResponse]:
    """The answers to frames that are sent one after the other on one stream."""
    return [answer async for answer in ingest.Append(iter([AppendRequest(frame=each) for each in frames]))]


async def progress(ingest: "IngestServiceAsyncStub", producer: str = "chat-1") -> int:
    return (await ingest.GetProgress(GetProgressRequest(producer=producer))).acked_sequence


async def test_frames_are_acknowledged_in_order_with_their_index_range(
    retention: Retention, clock: ManualClock
) -> None:
    answers = await send(retention.ingest, *(frame(1 + 10 * at, bodies(1 + 10 * at, 10)) for at in range(5)))
    assert [answer.frame_number for answer in answers] == [0, 1, 2, 3, 4]
    assert [answer.ack.acked_sequence for answer in answers] == [10, 20, 30, 40, 50]
    assert [answer.ack.first_index for answer in answers] == [0, 10, 20, 30, 40]
    assert {answer.ack.added_records for answer in answers} == {10}
    assert answers[0].ack.receive_time.ToDatetime(tzinfo=clock.now().tzinfo) == clock.now()
    assert await progress(retention.ingest) == 50


async def test_frame_that_is_sent_again_is_acknowledged_again_and_stored_once(retention: Retention) -> None:
    ingest = retention.ingest
    await send(ingest, frame(1, bodies(1, 10)))
    whole, overlapping, inside = await send(
        ingest, frame(1, bodies(1, 10)), frame(6, bodies(6, 10)), frame(3, bodies(3, 2))
    )
    assert (whole.ack.acked_sequence, whole.ack.added_records) == (10, 0)
    assert (overlapping.ack.acked_sequence, overlapping.ack.added_records) == (15, 5)
    assert overlapping.ack.first_index == 10
    assert (inside.ack.acked_sequence, inside.ack.added_records) == (15, 0)


async def test_stream_ends_with_its_last_answer_when_the_server_drains(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as outlives:
        async with running_retention(tmp_path) as retention:
            token = retention.issuer.workload("platform")
            channel = await outlives.enter_async_context(connect(f"127.0.0.1:{retention.port}", token=token))
            stream: Any = IngestServiceStub(channel).Append()
            await stream.write(AppendRequest(frame=frame(1, bodies(1, 10))))
            assert (await stream.read()).ack.acked_sequence == 10
        with pytest.raises(OmbudError) as ended:
            await stream.read()
    assert (ended.value.code(), ended.value.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


async def test_sealed_frame_that_is_sent_again_is_stored_once(retention: Retention) -> None:
    await send(retention.ingest, frame(1, bodies(1, 10), groups=(GROUP, OTHER_GROUP)))
    await retention.receipt(10)
    (answer,) = await send(retention.ingest, frame(1, bodies(1, 10), groups=(GROUP, OTHER_GROUP)))
    assert (answer.ack.acked_sequence, answer.ack.added_records) == (10, 0)
    (other,) = await send(retention.ingest, frame(1, bodies(1, 10), groups=(OTHER_GROUP, GROUP)))
    assert other.refusal.reason == ErrorReason.ERROR_REASON_SEQUENCE_REUSED
    assert dict(other.refusal.facts) == {"producer": "chat-1", "sequence": "1"}


async def test_other_content_under_a_used_sequence_is_refused_and_nothing_of_it_is_stored(
    retention: Retention,
) -> None:
    ingest = retention.ingest
    refused = (await send(ingest, frame(1, bodies(1, 10)), frame(8, [*bodies(8, 2), b"other", *bodies(11, 5)])))[1]
    assert refused.refusal.reason == ErrorReason.ERROR_REASON_SEQUENCE_REUSED
    assert refused.refusal.facts["sequence"] == "10"
    assert await progress(ingest) == 10


async def test_refused_frame_leaves_the_stream_usable(retention: Retention) -> None:
    gap, good, malformed, again = await send(
        retention.ingest,
        frame(5, bodies(5, 5)),
        frame(1, bodies(1, 5)),
        Frame(producer="chat-1", first_sequence=6, group_ids=[GROUP], group_indexes=[1], bodies=[b"x"]),
        frame(6, bodies(6, 5)),
    )
    assert gap.refusal.reason == ErrorReason.ERROR_REASON_SEQUENCE_GAP
    assert dict(gap.refusal.facts) == {"producer": "chat-1", "expected": "1", "first_sequence": "5"}
    assert good.ack.acked_sequence == 5
    assert malformed.frame_number == 2
    assert malformed.refusal.reason == ErrorReason.ERROR_REASON_FRAME_MALFORMED
    assert again.ack.acked_sequence == 10


async def test_producers_number_their_records_apart(retention: Retention) -> None:
    one, two = await send(retention.ingest, frame(1, bodies(1, 3)), frame(1, bodies(1, 4), producer="chat-2"))
    assert (one.ack.first_index, two.ack.first_index) == (0, 3)
    assert await progress(retention.ingest, "chat-2") == 4
    assert await progress(retention.ingest, "unheard-of") == 0


async def test_many_streams_at_once_lose_and_double_nothing(retention: Retention) -> None:
    ingest = retention.ingest
    frames = {
        producer: [frame(1 + 7 * at, bodies(1 + 7 * at, 7), producer=producer) for at in range(20)]
        for producer in ("a", "b", "c", "d")
    }
    answers = await asyncio.gather(*(send(ingest, *each) for each in frames.values()))
    ranges = sorted(answer.ack.first_index for stream in answers for answer in stream)
    assert ranges == list(range(0, 4 * 140, 7))


async def test_one_producer_on_two_streams_is_stored_once(retention: Retention) -> None:
    ingest = retention.ingest
    frames = [frame(1 + 7 * at, bodies(1 + 7 * at, 7)) for at in range(20)]
    both = await asyncio.gather(send(ingest, *frames), send(ingest, *frames))
    assert sum(answer.ack.added_records for stream in both for answer in stream) == 140
    assert all(answer.HasField("ack") for stream in both for answer in stream)


async def test_unary_append_acknowledges_and_refuses_like_the_stream(retention: Retention) -> None:
    ingest = retention.ingest
    answer = await ingest.AppendBatch(AppendBatchRequest(frame=frame(1, bodies(1, 3))))
    assert answer.ack.acked_sequence == 3
    refused = await refusal_of(ingest.AppendBatch(AppendBatchRequest(frame=frame(9, bodies(9, 3)))))
    assert refused.reason == "SEQUENCE_GAP"
    assert refused.facts["expected"] == "4"


async def test_restart_keeps_what_was_acknowledged_and_takes_up_where_it_ended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, seal_seconds=5) as before:
        await send(before.ingest, frame(1, bodies(1, 10)))
    async with running_retention(folder) as after:
        assert await progress(after.ingest) == 10
        again, more = await send(after.ingest, frame(1, bodies(1, 10)), frame(11, bodies(11, 10)))
        assert again.ack.added_records == 0
        assert more.ack.first_index == 10
        assert [(await after.receipt(sequence)).index for sequence in (1, 10, 11, 20)] == [0, 9, 10, 19]


async def test_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data"):
        with pytest.raises(ConfigError, match="another process"):
            async with running_retention(tmp_path / "data"):
                pass


async def test_too_little_free_space_refuses_with_its_figures(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data", floor_bytes=1 << 60) as full:
        (answer,) = await send(full.ingest, frame(1, bodies(1, 3)))
        assert answer.refusal.reason == ErrorReason.ERROR_REASON_STORAGE_FULL
        assert answer.refusal.facts["floor_bytes"] == str(1 << 60)
        assert await progress(full.ingest) == 0


async def test_appending_waits_while_sealing_is_behind_and_goes_on_after(tmp_path: Path) -> None:
    async with running_retention(tmp_path / "data", backlog_records=10, segment_records=10) as retention:
        answers = await send(retention.ingest, *(frame(1 + 10 * at, bodies(1 + 10 * at, 10)) for at in range(30)))
        assert answers[-1].ack.acked_sequence == 300
