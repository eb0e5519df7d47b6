"""The machine that figures come from."""

import os
import platform
import sys
import time
from pathlib import Path

import google.protobuf
import grpc

from bench.line import Line

_SECONDS = 1.0
_BLOCK = b"\0" * 4096


def facts() -> Line:
    """Cores, kernel and versions: without them no figure means anything."""
    cpu = Path("/proc/cpuinfo")
    models = [row for row in cpu.read_text().splitlines() if row.startswith("model name")] if cpu.exists() else []
    more: dict[str, float | str | None] = {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor(),
        "system": f"{platform.system()} {platform.release()}",
        "load_1m": os.getloadavg()[0],
        "python": sys.version.partition(" ")[0],
        "grpcio": grpc.__version__,
        "protobuf": google.protobuf.__version__,
    }
    return Line("machine", os.cpu_count() or 0, "cores", more=more)


def fdatasyncs(folder: Path) -> float:
    """How often a second 4 KiB can be appended to a file in `folder` and made durable, one after the other."""
    file = os.open(folder / "fdatasync", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        done, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < _SECONDS:
            os.write(file, _BLOCK)
            os.fdatasync(file)
            done += 1
    finally:
        os.close(file)
        (folder / "fdatasync").unlink()
    return done / took
