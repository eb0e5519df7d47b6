"""What is wrong with a frame is said with its reason and place; nothing else is lost over it, and all is counted."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.ids import new_id
from ombud.common.v1.error_reason_pb2 import ErrorReason
from ombud.retention.v1.ingest_service_pb2 import (
    AppendBatchRequest,
    AppendRequest,
    AppendResponse,
    Frame,
    GetProgressRequest,
    GetProgressResponse,
)
from ombud.verify import VerificationError, verify_checkpoint, verify_received
from services.retention.segments.storage import LocalStorage
from tests.integration.retention.harness import EVENT_TIME, GROUP, Retention, bodies, frame, running_retention
from tests.support.clock import ManualClock
from tests.support.refusals import refusal_of


async def send(retention: Retention, *frames: Frame) -> list[AppendResponse]:
    stream = retention.ingest.Append(iter([AppendRequest(frame=each) for each in frames]))
    return [answer async for answer in stream]


async def progress(retention: Retention, producer: str = "chat-1") -> GetProgressResponse:
    return await retention.ingest.GetProgress(GetProgressRequest(producer=producer))


def changed(sent: Frame, **columns: Any) -> Frame:
    """A frame with other columns."""
    columns = {name: getattr(sent, name) for name in Frame.DESCRIPTOR.fields_by_name} | columns
    return Frame(**columns)


GOOD = frame(1, bodies(1, 3))
FUTURE = int((EVENT_TIME + timedelta(days=3650)).timestamp() * 1_000_000)
BAD = {
    "FRAME_MALFORMED": changed(GOOD, group_indexes=[0]),
    "RECORD_TOO_LARGE": changed(GOOD, bodies=[b"a", bytes(65_536), b"c"]),
    "FRAME_TOO_LARGE": changed(GOOD, bodies=[bytes(65_535)] * 17, group_indexes=[0] * 17, event_times_micros=[0] * 17),
    "EVENT_TIME_IN_FUTURE": changed(GOOD, event_times_micros=[0, FUTURE, 0]),
    "RECORD_GROUP_UNKNOWN": changed(GOOD, group_indexes=[0, 1, 0]),
    "SEQUENCE_GAP": changed(GOOD, first_sequence=5),
}


async def test_each_fault_has_its_reason_and_its_place_and_is_counted(retention: Retention) -> None:
    answers = await send(retention, *BAD.values(), GOOD)
    assert [answer.frame_number for answer in answers] == list(range(len(BAD) + 1))
    reasons = [ErrorReason.Name(answer.refusal.reason).removeprefix("ERROR_REASON_") for answer in answers[:-1]]
    assert reasons == list(BAD)
    named = {reason: answer.refusal.facts.get("record") for reason, answer in zip(BAD, answers, strict=False)}
    assert [named[each] for each in ("RECORD_TOO_LARGE", "EVENT_TIME_IN_FUTURE", "RECORD_GROUP_UNKNOWN")] == ["1"] * 3
    assert answers[-1].ack.acked_sequence == 3
    said = await progress(retention)
    assert (said.acked_sequence, said.refused_frames) == (3, len(BAD))


@pytest.mark.parametrize("size", [65_536, 2 << 20])
async def test_record_too_large_is_named_however_large_it_is(retention: Retention, size: int) -> None:
    (answer,) = await send(retention, changed(GOOD, bodies=[b"a", bytes(size), b"c"]))
    assert answer.refusal.reason == ErrorReason.ERROR_REASON_RECORD_TOO_LARGE
    assert (answer.refusal.facts["record"], answer.refusal.facts["bytes"]) == ("1", str(size))


async def test_record_of_no_group_is_refused_and_one_of_a_group_that_nobody_announced_is_kept(
    retention: Retention,
) -> None:
    of_none, unheard_of = await send(
        retention, changed(GOOD, group_ids=[str(UUID(int=0))]), changed(GOOD, group_ids=[new_id()])
    )
    assert of_none.refusal.reason == ErrorReason.ERROR_REASON_RECORD_GROUP_UNKNOWN
    assert unheard_of.ack.acked_sequence == 3


async def test_refused_frames_are_counted_by_producer_however_they_came(retention: Retention) -> None:
    gap, large = BAD["SEQUENCE_GAP"], BAD["RECORD_TOO_LARGE"]
    await send(retention, large, gap, changed(gap, producer="chat-2"), gap, changed(gap, producer="no name"))
    refused = await refusal_of(retention.ingest.AppendBatch(AppendBatchRequest(frame=gap)))
    assert refused.reason == "SEQUENCE_GAP"
    counts = [(await progress(retention, producer)).refused_frames for producer in ("chat-1", "chat-2", "chat-3")]
    assert counts == [4, 1, 0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(
        st.builds(
            Frame,
            producer=st.sampled_from(["fuzz", "", "Fuzz"]),
            first_sequence=st.integers(-2, 4) | st.just((1 << 63) - 1),
            group_ids=st.lists(st.sampled_from([GROUP, "", "x"]), max_size=3),
            group_indexes=st.lists(st.integers(0, 3) | st.just((1 << 32) - 1), max_size=3),
            event_times_micros=st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=3),
            bodies=st.lists(st.binary(max_size=3) | st.just(bytes(65_536)), max_size=3),
        ),
        max_size=5,
    )
)
async def test_no_frame_ends_the_stream_or_stays_unanswered(retention: Retention, frames: list[Frame]) -> None:
    good = changed(GOOD, producer="steady")
    answers = await send(retention, *frames, good)
    assert [answer.frame_number for answer in answers] == list(range(len(frames) + 1))
    assert all(answer.WhichOneof("result") for answer in answers)
    assert answers[-1].ack.acked_sequence == 3


async def send_bytes(retention: Retention, *messages: bytes) -> AsyncIterator[AppendResponse]:
    """The answers to messages that no stub wrote."""
    call: Any = retention.channel(workload="platform").stream_stream("/ombud.retention.v1.IngestService/Append")
    async for answer in call(iter(messages)):
        yield AppendResponse.FromString(answer)


ENCODED = AppendRequest(frame=GOOD).SerializeToString()
RUBBISH = [b"\xff\xff", ENCODED[:-1], ENCODED.replace(b"chat-1", b"ch\xfft-1"), b"\x0a\x7f"]


async def test_rubbish_is_refused_in_its_place_and_leaves_the_stream_usable(retention: Retention) -> None:
    more = AppendRequest(frame=frame(4, bodies(4, 3))).SerializeToString()
    answers = [answer async for answer in send_bytes(retention, ENCODED, *RUBBISH, b"", more)]
    assert [answer.frame_number for answer in answers] == list(range(len(RUBBISH) + 3))
    first, *refused, last = answers
    assert (first.ack.acked_sequence, last.ack.acked_sequence) == (3, 6)
    assert {answer.refusal.reason for answer in refused} == {ErrorReason.ERROR_REASON_FRAME_MALFORMED}
    said = await progress(retention)
    assert (said.acked_sequence, said.refused_frames, said.unreadable_frames) == (6, 0, len(RUBBISH))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.binary(max_size=60), max_size=6))
async def test_no_bytes_end_the_stream_or_stay_unanswered(retention: Retention, messages: list[bytes]) -> None:
    answers = [answer async for answer in send_bytes(retention, *messages, ENCODED)]
    assert [answer.frame_number for answer in answers] == list(range(len(messages) + 1))
    assert answers[-1].ack.acked_sequence == 3


async def test_message_beyond_what_grpc_takes_ends_its_stream_and_costs_nothing_else(retention: Retention) -> None:
    async def drained() -> None:
        async for _ in send_bytes(retention, ENCODED, bytes((8 << 20) + 1)):
            pass

    assert (await refusal_of(drained())).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    (after,) = await send(retention, frame((await progress(retention)).acked_sequence + 1, bodies(4, 3)))
    assert after.HasField("ack")


async def test_producer_keeps_a_signed_receipt_of_what_was_received(retention: Retention, clock: ManualClock) -> None:
    await send(retention, GOOD)
    receipt = (await progress(retention)).receipt
    received = verify_received(receipt, retention.verifier_key)
    assert (received.producer, received.sequence, received.time) == ("chat-1", 3, clock.now())
    forged = receipt.replace("\n3\n", "\n2\n")
    assert forged != receipt
    with pytest.raises(VerificationError):
        verify_received(forged, retention.verifier_key)
    with pytest.raises(VerificationError):
        verify_checkpoint(receipt, retention.verifier_key)
    assert verify_received((await progress(retention, "chat-9")).receipt, retention.verifier_key).sequence == 0


async def test_sealing_that_stays_behind_is_told_with_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, put = threading.Event(), LocalStorage.put

    def slow(storage: LocalStorage, *arguments: Any, **named: Any) -> None:
        assert held.wait(20)
        put(storage, *arguments, **named)

    monkeypatch.setattr(LocalStorage, "put", slow)
    bounds: dict[str, Any] = {"segment_records": 3, "backlog_records": 3, "backlog_seconds": 0.05}
    async with running_retention(tmp_path / "data", **bounds) as retention:
        (first,) = await send(retention, GOOD)
        (behind,) = await send(retention, frame(4, bodies(4, 3)))
        assert first.ack.acked_sequence == 3
        assert behind.refusal.reason == ErrorReason.ERROR_REASON_OVERLOADED
        assert behind.refusal.retry_after.ToTimedelta() > timedelta(0)
        refused = await refusal_of(
            retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(4, bodies(4, 3))), timeout=2)
        )
        assert refused.reason == "OVERLOADED"
        assert refused.retry_after is not None
        held.set()
        await retention.receipt(3)
        (after,) = await send(retention, frame(4, bodies(4, 3)))
        assert after.ack.acked_sequence == 6
        await asyncio.wait_for(retention.receipt(6), 10)
