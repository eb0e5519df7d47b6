"""A log on disk and `ombud log serve` over it, as others meet them."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlmodel import Session

from services.retention.log.ledger import Ledger
from tests.support.engines import opened

ORIGIN = "log.example/chat"


def entries(first: int, last: int) -> list[bytes]:
    """Made-up leaves."""
    return [f"leaf {number}".encode() for number in range(first, last)]


def _nothing(_session: Session, _first_leaf: int) -> None:
    """Enters nothing beside the leaves."""


async def grow(folder: Path, *sizes: int) -> str:
    """Makes a log, or lets it grow, to each of some sizes; returns its verifier key."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs
    async with opened(f"sqlite:///{folder}/retention.db", "retention") as database:
        ledger = Ledger(database, folder, ORIGIN)
        await ledger.open()
        for size in sizes:
            await ledger.append(entries(ledger.head.size, size), _nothing)
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
