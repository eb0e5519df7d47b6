"""The same at ever more records: rate, acknowledgements, proofs and bytes a record stay, and so does memory."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench import append, kept
from bench.line import Line
from bench.load import quantile
from bench.processes import ALL, Server, free_port, ready, running, suite_command
from bench.records import Records
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock

_MIB = 1 << 20
# Times the memory at the smallest size: beyond that it is not flat.
_FLAT = 1.25


async def measure(records: Records, sizes: Sequence[int]) -> AsyncIterator[Line]:
    """Appends to one log until it has as many records as each of the sizes.

    Raises:
        WrongAnswerError: An acknowledgement is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        data_dir, port = Path(folder), free_port()
        async with running(suite_command(port, data_dir), port, ALL) as suite:
            await ready(suite.target)
            there, memory = 0, 0.0
            for size in sizes:
                run, kept_bytes = await _grow(suite, data_dir, records, there, size)
                there, now = size, suite.resident_bytes() / _MIB
                memory = memory or now
                more: dict[str, float | str | None] = {
                    "records": size,
                    "ack_p99_ms": quantile([wait * 1e3 for wait, _ in run.acks], 0.99),
                    "proof_p99_s": quantile(run.waits, 0.99),
                    "kept_bytes": kept_bytes,
                    "memory_mib": now,
                }
                yield Line("growth", run.overall, "records/s", ok=now <= _FLAT * memory, more=more)


async def _grow(suite: Server, data_dir: Path, records: Records, there: int, size: int) -> tuple[append.Run, float]:
    """The run, and bytes kept a record."""
    folder = data_dir / "retention"
    before = kept.size(folder)
    # An hour is what a token is valid for, and less than the largest size may take.
    token = DevIssuer(data_dir, SystemClock()).workload("platform")
    run = await append.run(suite, token, records, f"to-{size}", lambda run: run.records >= size - there)
    return run, (kept.size(folder) - before) / run.records
