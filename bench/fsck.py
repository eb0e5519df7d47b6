"""`ombud fsck` over what the other benchmarks left: everything is read and hashed again, down to the records."""

import asyncio
import json
import sys
import time
from pathlib import Path

from bench.line import Line
from bench.world import WrongAnswerError

_GIGABYTE = 1e9


async def measure(data_dir: Path) -> Line:
    """Seconds a gigabyte of segments; the suite has to be stopped.

    Raises:
        WrongAnswerError: Something is damaged.
    """
    ombud = Path(sys.executable).with_name("ombud")
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        str(ombud), "fsck", "--data", str(data_dir), "--json", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    took = time.perf_counter() - began
    report = json.loads(said or "{}")
    if process.returncode != 0 or not report.get("clean"):
        raise WrongAnswerError(f"fsck: {report.get('findings')}")
    size = report["segment_bytes"]
    return Line(
        "fsck", took / (size / _GIGABYTE), "s/GB", more={"bytes": size, "leaves": report["leaves"], "took_s": took}
    )
