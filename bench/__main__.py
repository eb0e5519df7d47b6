"""`python -m bench`: every benchmark, one JSON object a line. Exits with 1 if an answer was wrong."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench import (
    batch,
    blacklist,
    check,
    effects,
    ledger,
    machine,
    overload,
    replicas,
    retention,
    rotation,
    simulate,
    start,
    write,
)
from bench.line import Line
from bench.load import Plan
from bench.processes import ALL, CALLER, echo_command, free_port, pin, pinned, ready, running, suite_command
from bench.world import WrongAnswerError, settle
from ombud.verify import VerificationError
from ombudctl.chat import ChatError

_SHORT, _FULL = Plan(runs=5, seconds=1.0), Plan(runs=15, seconds=4.0)
_APPEND_SECONDS, _SIZES = 20.0, (1_000_000, 10_000_000, 100_000_000)
_STARTS = 5


async def main(part: str | None, plan: Plan, chat: Path | None, *, full: bool) -> None:
    """Runs them all, or those of one part."""
    pin(CALLER)
    _print(machine.facts())
    if part in (None, "decisions"):
        await _decisions(plan)
    if part in (None, "ledger"):
        await _ledger(plan)
    if part in (None, "replicas"):
        with pinned(ALL):
            _print(*await replicas.measure())
    if part in (None, "retention"):
        async for line in retention.measure(chat, _APPEND_SECONDS, _SIZES if full else ()):
            _print(line)


async def _decisions(plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir, ports = Path(folder), (free_port(), free_port())
        fdatasyncs = machine.fdatasyncs(data_dir)
        async with (
            running(echo_command(ports[0]), ports[0]) as echo,
            running(suite_command(ports[1], data_dir), ports[1]) as suite,
        ):
            for server in (echo, suite):
                await ready(server.target)
            world = await settle(suite.target, data_dir)
            await suite.settled()
            _print(*await check.measure(suite, echo, world, plan))
            _print(await batch.measure(suite, world, plan))
            _print(await write.measure(suite, echo, world, plan, fdatasyncs))
            _print(await overload.measure(suite, world, data_dir))
    _print(await start.measure(_STARTS))
    with pinned(ALL):
        _print(await rotation.measure())
    _print(blacklist.measure(plan))


async def _ledger(plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _print(*await ledger.measure(folder / "suite", plan, machine.fdatasyncs(folder)))
    with pinned(ALL):
        _print(*await effects.measure())
    _print(await simulate.measure())


def _print(*lines: Line) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "part", nargs="?", choices=("decisions", "ledger", "replicas", "retention"), help="all if not given"
    )
    parser.add_argument("--full", action="store_true", help="longer and more runs")
    parser.add_argument("--chat", type=Path, help="a chat log, or a folder of them, to take words from")
    options = parser.parse_args()
    plan = _FULL if options.full else _SHORT
    try:
        asyncio.run(main(options.part, plan, options.chat, full=options.full))
    except (ChatError, VerificationError, WrongAnswerError) as error:
        sys.exit(f"bench: {error}")
