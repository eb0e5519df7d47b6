"""`python -m bench [--full]`: every benchmark, one JSON object a line. Exits with 1 if an answer was wrong."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import grpc

from bench import batch, check, machine, start, write
from bench.line import Line
from bench.load import Plan
from bench.processes import CALLER, echo_command, free_port, pin, running, suite_command
from bench.world import WrongAnswerError, settle

_SHORT, _FULL = Plan(runs=5, seconds=1.0), Plan(runs=15, seconds=4.0)
_STARTS = 5
_READY_WITHIN = 30.0


async def main(plan: Plan) -> None:
    """Runs them all."""
    pin(CALLER)
    _print(machine.facts())
    with tempfile.TemporaryDirectory() as folder:
        data_dir, ports = Path(folder), (free_port(), free_port())
        fdatasyncs = machine.fdatasyncs(data_dir)
        async with (
            running(echo_command(ports[0]), ports[0]) as echo,
            running(suite_command(ports[1], data_dir), ports[1]) as suite,
        ):
            for server in (echo, suite):
                await _ready(server.target)
            world = await settle(suite.target, data_dir)
            await suite.settled()
            _print(*await check.measure(suite, echo, world, plan))
            _print(await batch.measure(suite, world, plan))
            _print(await write.measure(suite, echo, world, plan, fdatasyncs))
    _print(await start.measure(_STARTS))


async def _ready(target: str) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        await asyncio.wait_for(channel.channel_ready(), _READY_WITHIN)


def _print(*lines: Line) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="longer and more runs")
    try:
        asyncio.run(main(_FULL if parser.parse_args().full else _SHORT))
    except WrongAnswerError as error:
        sys.exit(f"bench: {error}")
