"""A retention service in a process of its own with a clock that its parent moves: each line on stdin is a day more."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from tests.integration.retention.harness import running_retention
from tests.support.clock import ManualClock


async def serve(folder: Path, custodians: Path) -> None:
    """Serves until stdin ends."""
    clock = ManualClock()
    async with running_retention(
        folder, clock=clock, first_custodians=custodians, tick_seconds=0.02, seal_seconds=1.0
    ) as running:
        sys.stdout.write(f"{running.port}\n")
        sys.stdout.flush()
        while await asyncio.to_thread(sys.stdin.readline):
            clock.advance(timedelta(days=1))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
