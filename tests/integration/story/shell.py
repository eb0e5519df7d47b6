"""The `ombud` command as people and programs run it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def ombud(*arguments: object, folder: Path, seconds: float = 60.0) -> Said:
    """Runs a command to its end."""
    command = [sys.executable, "-m", "ombudctl.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, cwd=folder, env=_environment(), timeout=seconds, check=False)  # noqa: S603 - our own command
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def started(*arguments: object, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Starts a command; waits for its end, which is up to who started it."""
    command = [sys.executable, "-m", "ombudctl.main", *map(str, arguments)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=folder, env=_environment()) as process:  # noqa: S603 - our own command
        yield process


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[3]
    return os.environ | {"PYTHONPATH": str(root), "NO_COLOR": "1", "COLUMNS": "200"}


@dataclass(frozen=True)
class Up:
    """A suite that `ombud up` started."""

    data: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def up(data: Path) -> Iterator[Up]:
    """Starts the suite on ports of its own; drains it at the end."""
    command = [sys.executable, "-m", "ombudctl.main", "up", "--data", str(data), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=data.parent, env=_environment()) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        try:
            yield Up(data, json.loads(process.stdout.readline())["port"], process)
        finally:
            process.terminate()
            process.wait(20)
