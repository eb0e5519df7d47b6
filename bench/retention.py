"""Everything about the log, on a suite of its own: what it takes in, keeps, proves and gives out."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bench import append, fsck, growth, kept, log_peers, machine, proofs, read
from bench.line import Line
from bench.processes import ALL, free_port, pinned, ready, running, suite_command
from bench.records import draw
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock

_WARM_UP = 2.0
_PEER_SECONDS = 4.0


async def measure(chat: Path | None, seconds: float, sizes: Sequence[int]) -> AsyncIterator[Line]:
    """Runs them all; caller, service and sealing share all cores.

    Args:
        chat: Where the words come from.
        seconds: How long to append.
        sizes: To how many records to grow.

    Raises:
        WrongAnswerError: An answer is not what it must be.
        VerificationError: A proof does not hold.
    """
    records = await asyncio.to_thread(draw, chat)
    with pinned(ALL), tempfile.TemporaryDirectory() as folder:
        data_dir, port = Path(folder), free_port()
        fdatasyncs = machine.fdatasyncs(data_dir)
        async with running(suite_command(port, data_dir), port, ALL) as suite:
            await ready(suite.target)
            token = DevIssuer(data_dir, SystemClock()).workload("platform")
            await append.run(suite, token, records, "warm-up", append.seconds(_WARM_UP))
            before = kept.size(data_dir / "retention")
            run = await append.run(suite, token, records, "bench", append.seconds(seconds))
            for line in append.lines(run, records, fdatasyncs):
                yield line
            await suite.settled()
            yield kept.measure((kept.size(data_dir / "retention") - before) / run.records, records)
            key = await asyncio.to_thread((data_dir / "retention" / "log.vkey").read_text)
            yield await proofs.measure(suite, token, run, key)
        yield await fsck.measure(data_dir)
        for line in await log_peers.measure(records, _PEER_SECONDS):
            yield line
        yield await read.measure(records)
    with pinned(ALL):
        async for line in growth.measure(records, sizes):
            yield line
