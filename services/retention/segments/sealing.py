"""Sealing in a process of its own, so that taking records in never waits for it.

The process holds the keys that it has derived, and nothing else that lasts. When a day closes it is ended, and with it
goes what its memory held; the next one starts when there is something to seal. If it dies, nothing is lost: what it was
to seal is still in its write-ahead file.
"""

import contextlib
import multiprocessing
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import UUID

from services.retention.errors import DamagedError
from services.retention.ingest.wal import read_wal
from services.retention.keys.domain import Scope
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass, SegmentLeaf
from services.retention.segments import dictionary
from services.retention.segments.building import Sealing, build
from services.retention.segments.chunk import ChunkCodec
from services.retention.segments.records import ReceivedBatch

_ENOUGH_TRIES = 2


@dataclass(frozen=True, slots=True)
class Task:
    """A write-ahead file that becomes a segment.

    Attributes:
        path: The file.
        segment_id: A new id.
        dictionary: What the compression starts from; None to train one.
    """

    path: Path
    segment_id: UUID
    dictionary: bytes | None


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A segment: its bytes, its leaf, and the dictionary that it needs."""

    content: bytes
    leaf: SegmentLeaf
    dictionary: bytes


class SealingProcess:
    """Makes segments of write-ahead files, one at a time. Every method may be called from any thread.

    Args:
        keys_folder: The key store's folder.
    """

    def __init__(self, keys_folder: Path) -> None:
        self._keys_folder = keys_folder
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._lock = threading.Lock()
        self._process: ForkServerProcess | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None if none runs."""
        return self._process.pid if self._process else None

    def seal(self, task: Task) -> SealedFile:
        """Makes a segment.

        Raises:
            DamagedError: The file is damaged, or the process died over it again and again.
        """
        with self._lock:
            for _ in range(_ENOUGH_TRIES):
                connection = self._connection or self._start()
                try:
                    connection.send(task)
                    answer = connection.recv()
                except (EOFError, OSError):
                    self._end()
                    continue
                if isinstance(answer, SealedFile):
                    return answer
                raise DamagedError(answer)
        raise DamagedError(f"{task.path.name}: sealing ends without an answer")

    def end(self) -> None:
        """Ends the process, and with it all that its memory holds."""
        with self._lock:
            self._end()

    def _start(self) -> Connection:
        ours, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs, self._keys_folder), daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        return ours

    def _end(self) -> None:
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process.close()
        self._process = self._connection = None


def _serve(connection: Connection, keys_folder: Path) -> None:
    """What the process does, until its parent ends it or is gone."""
    sealer = _Sealer(Keys(KeyStore(keys_folder), slots=0))
    # Without a parent there is nobody to tell.
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            task = connection.recv()
            try:
                sealed: SealedFile | str = sealer.seal(task)
            except DamagedError as error:
                sealed = str(error)
            connection.send(sealed)


class _Sealer:
    """Seals files, with the keys of the day that it last had to do with."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._day = date.min
        self._key_id = b""
        self._scope_keys: dict[Scope, bytes] = {}
        self._codec = ChunkCodec()
        self._dictionary = b""

    def seal(self, task: Task) -> SealedFile:
        day, batches = read_wal(task.path, self._keys.journal_key)
        if not batches:
            raise DamagedError(f"{task.path.name}: acknowledged records are missing")
        if day != self._day:
            self._day, self._key_id = day, self._keys.current(RecordClass.CHAT, day)
            self._scope_keys.clear()
        used = dictionary.train(_rows(batches)) if task.dictionary is None else task.dictionary
        if used != self._dictionary:
            self._dictionary, self._codec = used, ChunkCodec(used)
        sealing = Sealing(self._key_id, partial(self._scope_key, day), self._codec)
        content, leaf = build(RecordClass.CHAT, task.segment_id, batches, sealing)
        return SealedFile(content, leaf, used)

    def _scope_key(self, day: date, scope: Scope) -> bytearray:
        key = self._scope_keys.get(scope)
        if key is None:
            key = self._scope_keys[scope] = bytes(self._keys.scope_key(day, scope))
        return bytearray(key)


def _rows(batches: Sequence[ReceivedBatch]) -> list[tuple[bytes, bytes]]:
    """Group and body of each record."""
    return [
        (batch.groups[at], body)
        for batch in (received.batch for received in batches)
        for at, body in zip(batch.group_indexes, batch.bodies, strict=True)
    ]
