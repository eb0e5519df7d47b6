"""A log on disk and `ombud log serve` over it, as others meet them."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from sqlmodel import Session

from services.retention.log.leaves import event_entry
from services.retention.log.ledger import Ledger
from tests.support.engines import opened

ORIGIN = "log.example/chat"
START = 1_770_000_000_000_000
"""When the first event happened, microseconds since 1970."""


def entries(first: int, last: int, *, history: bytes = b"") -> list[bytes]:
    """Leaves of made-up events, a second apart; other ones in another history."""
    return [
        event_entry(1, UUID(int=number), START + number * 1_000_000, bytes(16), history or b"event")
        for number in range(first, last)
    ]


def _nothing(_session: Session, _first_leaf: int) -> None:
    """Enters nothing beside the leaves."""


def grow(folder: Path, *sizes: int, history: bytes = b"") -> str:
    """Makes a log, or lets it grow, to each of some sizes; returns its verifier key."""
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_grow(folder, sizes, history))


async def _grow(folder: Path, sizes: Sequence[int], history: bytes) -> str:
    async with opened(f"sqlite:///{folder}/retention.db", "retention") as database:
        ledger = Ledger(database, folder, ORIGIN)
        await ledger.open()
        for size in sizes:
            await ledger.append(entries(ledger.head.size, size, history=history), _nothing)
        return ledger.verifier_key


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL at which a process serves the log."""
    command = [sys.executable, "-m", "ombudctl.main", "log", "serve", "--data", str(folder), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"].rstrip("/")
        finally:
            process.terminate()
            assert process.wait(10) == 0
