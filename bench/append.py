"""`Append`: records a second that are acknowledged durable while sealing keeps pace, and how long all of it takes.

The caller is a process of its own on the same cores. Each of a few producers keeps two frames under way on one stream
and sends the next when one is acknowledged. Meanwhile a probe picks again and again what was acknowledged last, and
asks for its proof until it has it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

import grpc

from bench.line import Line
from bench.load import median, quantile
from bench.processes import Server
from bench.records import FRAME_RECORDS, GROUPS, Records
from bench.world import WrongAnswerError
from ombud.retention.v1.ingest_service_pb2 import AppendRequest, AppendResponse, Frame, GetProgressRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombud.retention.v1.log_service_pb2 import GetReceiptRequest
from ombud.retention.v1.log_service_pb2_grpc import LogServiceStub
from ombud.retention.v1.record_pb2 import PROOF_STATE_SEALED

BUDGET, ACK_BUDGET_MS, PROOF_BUDGET = 150_000, 50.0, 5.0
_PRODUCERS, _IN_FLIGHT = 3, 2
_PROBE_EVERY, _LOOK_EVERY = 0.5, 0.1
# Rates are those of such stretches. The first few do not count: what is not sealed grows in them to what it then stays.
_STRETCH, _SETTLING = 1.0, 5


@dataclass
class Producer:
    """One producer: what it sent and what was acknowledged, and when.

    Attributes:
        name: Its name.
        frames: What it sends, over and over.
        acked: The highest sequence acknowledged.
        acks: For each frame, seconds from its sending to its acknowledgement, and when that came.
    """

    name: str
    frames: Sequence[Frame]
    acked: int = 0
    acks: list[tuple[float, float]] = field(default_factory=list)
    _sent: deque[float] = field(default_factory=deque)

    async def send(self, channel: grpc.aio.Channel, token: str, enough: Callable[[], bool]) -> None:
        """Sends until it is enough, then waits for the acknowledgements that are missing.

        Raises:
            WrongAnswerError: A frame was refused, or the acknowledgements do not add up.
        """
        call = IngestServiceStub(channel).Append(metadata=authorized(token))
        for _ in range(_IN_FLIGHT):
            await self._write(call)
        while self._sent:
            answer = await call.read()
            if not isinstance(answer, AppendResponse) or answer.ack.added_records != FRAME_RECORDS:
                raise WrongAnswerError(f"Append: {answer}")
            now = time.perf_counter()
            self.acks.append((now - self._sent.popleft(), now))
            self.acked = answer.ack.acked_sequence
            if not enough():
                await self._write(call)
        await call.done_writing()

    def body(self, sequence: int) -> bytes:
        """The record that was sent under a sequence."""
        number, position = divmod(sequence - 1, FRAME_RECORDS)
        return self.frames[number % len(self.frames)].bodies[position]

    def group(self, sequence: int) -> str:
        """The group of that record."""
        number, position = divmod(sequence - 1, FRAME_RECORDS)
        frame = self.frames[number % len(self.frames)]
        return frame.group_ids[frame.group_indexes[position]]

    async def _write(self, call: grpc.aio.StreamStreamCall[AppendRequest, AppendResponse]) -> None:
        sent = self.acked + len(self._sent) * FRAME_RECORDS
        frame = self.frames[sent // FRAME_RECORDS % len(self.frames)]
        frame.producer, frame.first_sequence = self.name, sent + 1
        self._sent.append(time.perf_counter())
        await call.write(AppendRequest(frame=frame))


@dataclass
class Run:
    """What a run did.

    Attributes:
        producers: Who sent.
        waits: Seconds from an acknowledgement to the proof, for each that the probe followed.
        behind: Seconds from the last acknowledgement to the proof of that record.
        server_cpu: Microseconds of CPU that the server spent on a record, without sealing.
        sealing_cpu: Those of the sealing process.
        caller_cpu: Those of this process.
    """

    producers: list[Producer]
    waits: list[float] = field(default_factory=list)
    behind: float = 0.0
    server_cpu: float = 0.0
    sealing_cpu: float = 0.0
    caller_cpu: float = 0.0

    @property
    def records(self) -> int:
        """Records acknowledged."""
        return sum(producer.acked for producer in self.producers)

    @property
    def acks(self) -> list[tuple[float, float]]:
        """The acknowledgements of all producers."""
        return [ack for producer in self.producers for ack in producer.acks]

    @property
    def rates(self) -> list[float]:
        """Records a second, for each stretch of the run but the first few."""
        moments = [moment for _, moment in self.acks]
        start, end = min(moments), max(moments)
        counts = [0] * int((end - start) / _STRETCH)
        for moment in moments:
            if (stretch := int((moment - start) / _STRETCH)) < len(counts):
                counts[stretch] += FRAME_RECORDS
        return [count / _STRETCH for count in counts[_SETTLING:] or counts]

    @property
    def overall(self) -> float:
        """Records a second from the first acknowledgement until the last record was sealed."""
        moments = [moment for _, moment in self.acks]
        return self.records / (max(moments) - min(moments) + self.behind)


def seconds(count: float) -> Callable[[Run], bool]:
    """Enough once so many seconds have passed."""
    end = time.perf_counter() + count
    return lambda _run: time.perf_counter() >= end


def authorized(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a caller."""
    return (("authorization", f"Bearer {token}"),)


async def run(suite: Server, token: str, records: Records, name: str, enough: Callable[[Run], bool]) -> Run:
    """Appends until it is enough.

    Raises:
        WrongAnswerError: A frame was refused, an acknowledgement is wrong, or one was stored twice.
    """
    done = Run([Producer(f"{name}-{number}", records.frames[number::_PRODUCERS]) for number in range(_PRODUCERS)])
    async with grpc.aio.insecure_channel(suite.target) as channel:
        before = _Spent.until_now(suite)
        async with asyncio.TaskGroup() as probes:
            picking = probes.create_task(_pick(channel, token, done, probes))
            await asyncio.gather(*(producer.send(channel, token, lambda: enough(done)) for producer in done.producers))
            ended = time.perf_counter()
            picking.cancel()
            await asyncio.gather(*(proof_of(channel, token, each, each.acked) for each in done.producers))
            done.behind = time.perf_counter() - ended
        spent = _Spent.until_now(suite)
        done.server_cpu = (spent.server - before.server) / done.records * 1e6
        done.sealing_cpu = (spent.sealing - before.sealing) / done.records * 1e6
        done.caller_cpu = (spent.caller - before.caller) / done.records * 1e6
        await _check_progress(channel, token, done.producers)
    # Of those who waited for a proof, the ones who were last count as well.
    done.waits.append(done.behind)
    return done


class _Spent(NamedTuple):
    """Seconds of CPU."""

    server: float
    sealing: float
    caller: float

    @classmethod
    def until_now(cls, suite: Server) -> "_Spent":
        own = suite.own_cpu_seconds()
        return cls(own, suite.cpu_seconds() - own, time.process_time())


async def proof_of(channel: grpc.aio.Channel, token: str, producer: Producer, sequence: int) -> str:
    """The proof of a record, as soon as it can be had."""
    stub = LogServiceStub(channel)
    request = GetReceiptRequest(producer=producer.name, sequence=sequence, group_id=producer.group(sequence))
    while True:
        receipt = await stub.GetReceipt(request, metadata=authorized(token))
        if receipt.state == PROOF_STATE_SEALED:
            return str(receipt.proof)
        await asyncio.sleep(_LOOK_EVERY)


async def _pick(channel: grpc.aio.Channel, token: str, run: Run, probes: asyncio.TaskGroup) -> None:
    for producer in cycle(run.producers):
        await asyncio.sleep(_PROBE_EVERY)
        if producer.acked:
            probes.create_task(_probe(channel, token, run, producer))


async def _probe(channel: grpc.aio.Channel, token: str, run: Run, producer: Producer) -> None:
    began = time.perf_counter()
    await proof_of(channel, token, producer, producer.acked)
    run.waits.append(time.perf_counter() - began)


async def _check_progress(channel: grpc.aio.Channel, token: str, producers: list[Producer]) -> None:
    stub = IngestServiceStub(channel)
    for producer in producers:
        request = GetProgressRequest(producer=producer.name)
        progress = await stub.GetProgress(request, metadata=authorized(token))
        sent = len(producer.acks) * FRAME_RECORDS
        if not progress.acked_sequence == producer.acked == sent:
            raise WrongAnswerError(f"GetProgress: {progress.acked_sequence}, not {sent}")


def lines(run: Run, records: Records, fdatasyncs: float) -> list[Line]:
    """The lines of `append`, `ack` and `proof`."""
    rates, acks = run.rates, [wait * 1e3 for wait, _ in run.acks]
    value, ack, proof = median(rates), quantile(acks, 0.99), quantile(run.waits, 0.99)
    more: dict[str, float | str | None] = {
        "min": min(rates),
        "max": max(rates),
        "records": run.records,
        "groups": GROUPS,
        "body_bytes": records.body_bytes,
        "sealed_after_s": run.behind,
        "server_cpu_us": run.server_cpu,
        "sealing_cpu_us": run.sealing_cpu,
        "caller_cpu_us": run.caller_cpu,
        "fdatasync_per_s": fdatasyncs,
    }
    keeps_pace = run.behind <= PROOF_BUDGET
    return [
        Line("append", value, "records/s", budget=BUDGET, ok=value >= BUDGET and keeps_pace, more=more),
        Line("ack", ack, "ms", budget=ACK_BUDGET_MS, ok=ack <= ACK_BUDGET_MS, more={"p50": median(acks), "of": "p99"}),
        Line(
            "proof",
            proof,
            "s",
            budget=PROOF_BUDGET,
            ok=proof <= PROOF_BUDGET,
            more={"p50": median(run.waits), "of": "p99", "proofs": len(run.waits)},
        ),
    ]
