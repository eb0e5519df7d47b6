"""The same at ever more records: rate, acknowledgements and bytes a record stay, and so does memory."""

from pathlib import Path

from bench import append, kept
from bench.line import Line
from bench.load import median, quantile
from bench.processes import Server
from bench.records import Records
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock

_MIB = 1 << 20


async def measure(suite: Server, data_dir: Path, records: Records, size: int) -> Line:
    """Appends that many records to what is there.

    Raises:
        WrongAnswerError: An acknowledgement is wrong.
    """
    folder = data_dir / "retention"
    before = kept.size(folder)
    # An hour is what a token is valid for, and less than the largest size may take.
    token = DevIssuer(data_dir, SystemClock()).workload("platform")
    run = await append.run(suite, token, records, f"growth-{size}", lambda run: run.records >= size)
    more: dict[str, float | str | None] = {
        "records": run.records,
        "ack_p99_ms": quantile([wait * 1e3 for wait, _ in run.acks], 0.99),
        "sealed_after_s": run.behind,
        "kept_bytes": (kept.size(folder) - before) / run.records,
        "memory_mib": suite.resident_bytes() / _MIB,
    }
    return Line("growth", median(run.rates), "records/s", more=more)
