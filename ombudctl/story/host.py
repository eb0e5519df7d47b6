"""The suite as the story's child process: embedded, with a clock that the story can put forward.

A line on standard input is a number of seconds to go forward; each is answered by a line on standard output.
The process drains when its input ends, so that it never outlives the story.
"""

import argparse
import asyncio
import json
import logging
import sys
from datetime import datetime, timedelta
from pathlib import Path

from chassis.clock import SystemClock
from ombudctl.embedded import embedded


class MovableClock:
    """The machine's clock, put forward.

    Args:
        ahead: How far it is ahead.
    """

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self._system = SystemClock()
        self.ahead = ahead

    def now(self) -> datetime:
        """The present instant."""
        return self._system.now() + self.ahead


async def host(data: Path, port: int, policy: Path, ahead: timedelta) -> None:
    """Serves until standard input ends.

    Args:
        data: Folder of the suite.
        port: Port on 127.0.0.1; 0 for any.
        policy: The policy pack.
        ahead: How far the clock is ahead at the start.
    """
    clock = MovableClock(ahead)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with embedded(data, port=port, health_port=0, policy_file=policy, clock=clock) as running:
        _answer({"port": running.port})
        async for line in orders:
            clock.ahead += timedelta(seconds=float(line))
            _answer({"ahead": clock.ahead.total_seconds()})


def _answer(values: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """The command line of the child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--ahead", type=float, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(host(options.data, options.port, options.policy, timedelta(seconds=options.ahead)))


if __name__ == "__main__":
    main()
