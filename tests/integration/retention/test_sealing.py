"""Sealing in a process of its own: its death loses nothing, and its memory goes with it."""

import os
import signal
from pathlib import Path
from uuid import UUID

import pytest

from chassis.ids import new_id
from services.retention.errors import DamagedError
from services.retention.ingest.wal import WalWriter
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.segments.records import ReceivedBatch, RecordBatch, from_micros
from services.retention.segments.sealing import SealingProcess, Task

RECEIVED = 1_790_000_000_000_000
DAY = from_micros(RECEIVED).date()


def written(folder: Path) -> Path:
    """A write-ahead file with three records."""
    keys = Keys(KeyStore(folder / "keys"), 3)
    batch = RecordBatch("a", 1, [bytes(16)], [0, 0, 0], [0, 0, 0], [b"one", b"two", b"three"])
    writer = WalWriter(folder, 0, DAY, keys.current(RecordClass.CHAT, DAY), keys.journal_key)
    writer.append([ReceivedBatch(batch, RECEIVED, 0)])
    writer.close()
    return writer.path


def task(path: Path) -> Task:
    return Task(path, UUID(new_id()), None)


def test_process_that_was_killed_is_started_again_and_the_file_is_sealed(tmp_path: Path) -> None:
    path, process = written(tmp_path), SealingProcess(tmp_path / "keys")
    try:
        first = process.seal(task(path))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        second = process.seal(task(path))
        assert (first.leaf.count, second.leaf.count) == (3, 3)
    finally:
        process.end()
    assert process.pid is None


def test_damaged_file_is_named_and_the_process_goes_on(tmp_path: Path) -> None:
    path, process = written(tmp_path), SealingProcess(tmp_path / "keys")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(DamagedError, match=path.name):
            process.seal(task(path))
        path.write_bytes(whole)
        assert process.seal(task(path)).leaf.count == 3
    finally:
        process.end()
