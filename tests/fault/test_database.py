"""Each call by which SQLite changes the database fails once, in the kernel: what is acknowledged is sealed anyway."""

import contextlib
import errno
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest, GetProgressRequest
from ombud.verify import verify_record
from services.retention.checks.fsck import check as fsck
from tests.integration.retention.harness import Retention, bodies, frame
from tests.integration.retention.test_kill import Service, service

__all__ = ["service"]

CALLS = ("pwrite64", "fdatasync", "fsync", "ftruncate", "unlink")
ERRORS = (errno.EIO, errno.ENOSPC)
RECORDS = 5
_CALL = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)

# With CI set nothing is skipped: there a missing strace is a failure.
pytestmark = pytest.mark.skipif(
    shutil.which("strace") is None and "CI" not in os.environ, reason="strace makes calls fail"
)


@contextlib.contextmanager
def traced(pid: int, folder: Path, *options: str) -> Iterator[Path]:
    """Attaches strace to a process, for its calls on the database; gives the file with those that it saw."""
    seen = folder.with_name("calls")
    files = [part for name in ("", "-wal", "-journal") for part in ("-P", f"{folder}/retention.db{name}")]
    command = ["strace", "-f", "-p", str(pid), "-o", str(seen), *files, "-e", f"trace={','.join(CALLS)}", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:  # noqa: S603 - found on the path
        try:
            assert strace.stderr is not None
            assert "attached" in strace.stderr.readline()
            yield seen
        finally:
            strace.terminate()
            strace.communicate()


async def append(retention: Retention) -> None:
    """Appends records, which does not take the database, and waits until they are proved, which does."""
    asked = GetProgressRequest(producer="chat-1")
    first = (await retention.ingest.GetProgress(asked)).acked_sequence + 1
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(first, bodies(first, RECORDS))))
    for sequence in range(first, first + RECORDS):
        proof = (await retention.receipt(sequence)).proof
        assert verify_record(proof, retention.verifier_key, bodies(sequence, 1)[0]).index == sequence - 1


async def calls_of_an_append(service: Service) -> dict[str, int]:
    """By call, how often one thread makes it at most while records are appended and sealed."""
    async with service.running() as running:
        await append(running.retention)
        with traced(running.process.pid or 0, service.folder) as seen:
            await append(running.retention)
        counts = Counter(_CALL.findall(seen.read_text()))
    return {call: max(count for (_, name), count in counts.items() if name == call) for _, call in counts}


async def test_every_call_of_the_database_fails_once_and_all_is_sealed(
    service: Service, pytestconfig: pytest.Config
) -> None:
    most = await calls_of_an_append(service)
    assert {"pwrite64", "fdatasync"} <= most.keys()
    faults = [(call, number, error) for call in most for number in range(1, most[call] + 1) for error in ERRORS]
    if not pytestconfig.getoption("--all-faults"):
        faults = [("pwrite64", 1, errno.ENOSPC), ("fdatasync", 1, errno.EIO)]
    for call, number, error in faults:
        inject = f"inject={call}:error={errno.errorcode[error]}:when={number}"
        async with service.running() as running:
            with traced(running.process.pid or 0, service.folder, "-e", inject) as seen:
                await append(running.retention)
            assert "INJECTED" in seen.read_text(), inject
        assert fsck(service.folder, f"sqlite:///{service.folder}/retention.db").findings == [], inject
