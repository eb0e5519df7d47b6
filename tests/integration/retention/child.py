"""A retention service in a process of its own, for tests that kill it: prints its port once it serves."""

import asyncio
import sys
from pathlib import Path

from chassis.clock import SystemClock
from tests.integration.retention.harness import running_retention


async def serve(folder: Path) -> None:
    """Serves until it is killed."""
    async with running_retention(folder, clock=SystemClock(), segment_records=2_000) as running:
        sys.stdout.write(f"{running.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
