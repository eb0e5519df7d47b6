"""Whatever a producer sends, and whenever the service starts anew: the log holds what a list would hold."""

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ombud.common.v1.error_reason_pb2 import ErrorReason
from ombud.retention.v1.ingest_service_pb2 import AppendRequest, AppendResponse, GetProgressRequest
from ombud.verify import verify_record
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, frame, running_retention


@dataclass(frozen=True)
class Send:
    """A frame that begins `back` records before the next (negative: beyond it); `altered` is a record in it."""

    back: int
    count: int
    altered: int | None


@dataclass(frozen=True)
class Seal:
    """Waits until all that was acknowledged is sealed."""


@dataclass(frozen=True)
class Restart:
    """Starts the service anew."""


Step = Send | Seal | Restart
STEPS = st.lists(
    st.one_of(
        st.builds(Send, st.integers(-2, 12), st.integers(1, 9), st.none() | st.integers(0, 8)),
        st.just(Seal()),
        st.just(Restart()),
    ),
    min_size=1,
    max_size=12,
)


def body(sequence: int, *, altered: bool = False) -> bytes:
    return f"{'other ' if altered else ''}message {sequence}".encode()


@dataclass
class Model:
    """What must have been kept: the bodies by sequence, from 1."""

    kept: list[bytes] = field(default_factory=list)

    def sent(self, step: Send) -> tuple[int, list[bytes]]:
        """First sequence and bodies of a step's frame."""
        first = max(1, len(self.kept) + 1 - step.back)
        return first, [body(first + at, altered=at == step.altered) for at in range(step.count)]

    def expects(self, first: int, bodies: Sequence[bytes]) -> ErrorReason.ValueType | None:
        """Why the frame must be refused, or None; then it is kept."""
        if first > len(self.kept) + 1:
            return ErrorReason.ERROR_REASON_SEQUENCE_GAP
        known = self.kept[first - 1 : first - 1 + len(bodies)]
        if known != list(bodies[: len(known)]):
            return ErrorReason.ERROR_REASON_SEQUENCE_REUSED
        self.kept += bodies[len(known) :]
        return None


async def send(retention: Retention, first: int, bodies: Sequence[bytes]) -> AppendResponse:
    request = AppendRequest(frame=frame(first, bodies, groups=(GROUP, OTHER_GROUP)))
    (answer,) = [answer async for answer in retention.ingest.Append(iter([request]))]
    return answer


async def play(folder: Path, steps: Sequence[Step]) -> None:
    model = Model()
    async with contextlib.AsyncExitStack() as stack:
        retention = await stack.enter_async_context(running_retention(folder))
        for step in steps:
            if isinstance(step, Restart):
                await stack.aclose()
                retention = await stack.enter_async_context(running_retention(folder))
            elif isinstance(step, Send):
                first, bodies = model.sent(step)
                reason = model.expects(first, bodies)
                answer = await send(retention, first, bodies)
                assert answer.refusal.reason == (reason or 0)
                assert reason or answer.ack.acked_sequence >= first + len(bodies) - 1
            elif model.kept:
                await retention.receipt(len(model.kept))
        await check(retention, model)


async def check(retention: Retention, model: Model) -> None:
    """Every record is proved under its own index, and there is no other."""
    progress = await retention.ingest.GetProgress(GetProgressRequest(producer="chat-1"))
    assert progress.acked_sequence == len(model.kept)
    for sequence, kept in enumerate(model.kept, 1):
        verified = verify_record((await retention.receipt(sequence)).proof, retention.verifier_key, kept)
        assert (verified.sequence, verified.index) == (sequence, sequence - 1)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_log_holds_what_a_list_would_hold(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), steps))
