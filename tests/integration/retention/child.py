"""A retention service in a process of its own, for tests that kill it."""

import asyncio
from multiprocessing.connection import Connection
from pathlib import Path

from chassis.clock import SystemClock
from tests.integration.retention.harness import running_retention


def main(folder: Path, port: Connection) -> None:
    """Serves until it is killed; tells its port once it does."""
    asyncio.run(_serve(folder, port))


async def _serve(folder: Path, port: Connection) -> None:
    async with running_retention(folder, clock=SystemClock(), segment_records=2_000) as running:
        port.send(running.port)
        await asyncio.Event().wait()
