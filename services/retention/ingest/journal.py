"""The journal: one thread that numbers batches, writes them to the write-ahead file and acknowledges them.

Batches that wait while an fsync runs are written together and share the next one. All that is decided about a
producer's sequence is decided in this thread, in the order in which batches came.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from chassis.clock import Clock
from services.retention.errors import DamagedError
from services.retention.files import SpaceFloor, sync_folder
from services.retention.ingest import domain
from services.retention.ingest.backlog import Backlog
from services.retention.ingest.wal import WalWriter, read_wal, recover_wal
from services.retention.keys.keys import Keys
from services.retention.log.leaves import RecordClass
from services.retention.segments.records import ReceivedBatch, RecordBatch, from_micros, midnight_after, to_micros
from services.retention.segments.store import SealedState

_GROUP_MOST = 64
_log = logging.getLogger("ombud.retention.journal")

FindSealed = Callable[[str, int], RecordBatch | None]


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did.

    Attributes:
        acked_sequence: Every record of the producer up to and including it is on stable storage.
        added: How many records were new.
        first_index: Index of the first new record; 0 if none was.
        receive_time: When they were received, microseconds since 1970.
    """

    acked_sequence: int
    added: int
    first_index: int
    receive_time: int


_NOTHING = Appended(acked_sequence=0, added=0, first_index=0, receive_time=0)


@dataclass(slots=True)
class Part:
    """A write-ahead file, all of one UTC day, and its batches until a segment holds them.

    Attributes:
        path: The file.
        day: The day.
        first_index: The index of its first record.
        batches: What is in it.
        closed_at: Since when nothing more comes in (`time.monotonic`); None while something may.
    """

    path: Path
    day: date
    first_index: int
    batches: list[ReceivedBatch] = field(default_factory=list)
    closed_at: float | None = None

    @property
    def next_index(self) -> int:
        """The index after its last record's."""
        return self.batches[-1].next_index if self.batches else self.first_index


@dataclass(slots=True)
class _Item:
    """A batch, or without one the wish to close the file that is written; on its way through the thread."""

    future: asyncio.Future[Appended]
    batch: RecordBatch | None
    outcome: Appended | Exception = _NOTHING


class Journal:
    """Takes chat records in.

    Args:
        folder: Where the write-ahead files are.
        clock: The server's clock.
        keys: What the files are encrypted under.
        space: Says when too little space is free to accept anything.
        part_records: A file is closed once it holds this many records.
        backlog: Counts what is not yet sealed.
        find_sealed: The stored batch that holds a producer's sequence, None if nobody here can read it any more; called
            in the journal's thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        keys: Keys,
        space: SpaceFloor,
        part_records: int,
        backlog: Backlog,
        find_sealed: FindSealed,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._keys = keys
        self._space = space
        self._part_records = part_records
        self._backlog = backlog
        self._find_sealed = find_sealed
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="retention-journal", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._parts: tuple[Part, ...] = ()
        self._parts_lock = threading.Lock()
        self._writer: WalWriter | None = None
        self._next_sequence: dict[str, int] = {}
        self._durable: dict[str, int] = {}
        self._next_index = 0
        self._last_receive_time = 0
        self._failed_errno: int | None = None

    def open(self, sealed: SealedState) -> None:
        """Reads back what was acknowledged and not yet sealed, and starts the thread. On the event loop.

        Args:
            sealed: What segments hold already. Later records are not received before its last receive time.

        Raises:
            DamagedError: An acknowledged record can not be read back.
        """
        self._next_index = sealed.next_index
        self._next_sequence = dict(sealed.next_sequences)
        self._last_receive_time = sealed.last_receive_time
        self._recover()
        self._durable = dict(self._next_sequence)
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def keep_after(self, day: date) -> None:
        """Receives nothing more on a day or before it: a clock that is set back does not reopen it."""
        self._last_receive_time = max(self._last_receive_time, to_micros(midnight_after(day)))

    def holds_until(self, day: date) -> bool:
        """Whether records of a day, or of one before it, wait for a segment."""
        sync_folder(self._folder)
        return any(part.day <= day for part in self._parts)

    async def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    @property
    def healthy(self) -> bool:
        """Whether it goes on writing: after a write that failed it does not, until the next start."""
        return self._failed_errno is None

    def acked(self, producer: str) -> int:
        """The sequence up to which a producer's records are on stable storage; 0 if none is."""
        return self._durable.get(producer, 1) - 1

    def append(self, batch: RecordBatch) -> asyncio.Future[Appended]:
        """Takes a batch over, in the order of the calls; the backlog has to admit it first.

        Returns:
            What is known once the batch is on stable storage; or a Refusal: SEQUENCE_GAP, SEQUENCE_REUSED,
            STORAGE_FULL or STORAGE_FAILED.
        """
        return self._submit(batch)

    async def close_part(self) -> tuple[Part, ...]:
        """Closes the file that is written, if it has records; returns the files that wait to be sealed, in order."""
        await asyncio.shield(self._submit(None))
        return tuple(part for part in self._parts if part.closed_at is not None)

    def release(self, part: Part) -> None:
        """Drops a file that a committed segment holds."""
        part.path.unlink(missing_ok=True)
        with self._parts_lock:
            self._parts = tuple(each for each in self._parts if each is not part)
        if part.closed_at is not None:
            self._backlog.remove(part.next_index - part.first_index, ready=part.closed_at)

    def find_unsealed(self, producer: str, sequence: int) -> ReceivedBatch | None:
        """The batch not yet sealed that holds a producer's sequence."""
        for part in self._parts:
            for received in part.batches:
                batch = received.batch
                if batch.producer == producer and batch.first_sequence <= sequence < batch.next_sequence:
                    return received
        return None

    def _recover(self) -> None:
        files = sorted(self._folder.glob("*.wal"))
        for path in files:
            self._recover_file(path, last=path == files[-1])

    def _recover_file(self, path: Path, *, last: bool) -> None:
        read = recover_wal if last else read_wal
        day, batches = read(path, self._keys.journal_key)
        if not batches or batches[-1].next_index <= self._next_index:
            path.unlink()
            return
        if batches[0].first_index != self._next_index:
            raise DamagedError(f"{path.name}: records before index {batches[0].first_index} are missing")
        for received in batches:
            self._next_sequence[received.batch.producer] = received.batch.next_sequence
        self._next_index = batches[-1].next_index
        self._last_receive_time = max(self._last_receive_time, batches[-1].receive_time)
        self._parts += (Part(path, day, batches[0].first_index, batches, closed_at=time.monotonic()),)
        self._backlog.add(self._next_index - batches[0].first_index)

    def _submit(self, batch: RecordBatch | None) -> asyncio.Future[Appended]:
        future = asyncio.get_running_loop().create_future()
        # Whoever asked may be gone when the outcome comes.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._queue.put(_Item(future, batch))
        return future

    # From here on in the journal's thread.

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            items, last = self._take(first)
            self._handle(items)
            self._settle(items)
            if last:
                break
        if self._writer is not None:
            self._writer.close()

    def _handle(self, items: list[_Item]) -> None:
        if self._failed_errno is None:
            try:
                self._commit(items)
            except Exception as error:  # noqa: BLE001 - every waiting caller must hear of it
                # What reached the disk, only reading it back can tell: nothing more is written until the next start.
                _log.error("a write failed: %s", type(error).__name__)
                self._failed_errno = getattr(error, "errno", None) or 0
            else:
                return
        for item in items:
            # What was closed before can still be sealed: a wish to close is granted, and closes nothing.
            item.outcome = _NOTHING if item.batch is None else domain.storage_failed(self._failed_errno)

    def _take(self, first: _Item) -> tuple[list[_Item], bool]:
        items = [first]
        while len(items) < _GROUP_MOST:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return items, True
            items.append(item)
        return items, False

    def _commit(self, items: list[_Item]) -> None:
        """Decides on every item and writes what they add; nothing is acknowledged before all of it is durable."""
        now = self._last_receive_time = max(self._last_receive_time, to_micros(self._clock.now()))
        if self._writer is not None and self._parts[-1].day != from_micros(now).date():
            self._close_file()
        full = self._space.refusal()
        added: list[ReceivedBatch] = []
        for item in items:
            if item.batch is not None:
                item.outcome = full or self._decide(item.batch, now, added)
        if added:
            self._write(added)
        if any(item.batch is None for item in items) or self._parts_full():
            self._close_file()

    def _decide(self, batch: RecordBatch, now: int, added: list[ReceivedBatch]) -> Appended | Exception:
        try:
            return self._admit(batch, now, added)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - this batch's caller alone must hear of it
            return error

    def _admit(self, batch: RecordBatch, now: int, added: list[ReceivedBatch]) -> Appended:
        expected = self._next_sequence.get(batch.producer, 1)
        if batch.first_sequence > expected:
            raise domain.sequence_gap(batch.producer, expected=expected, first_sequence=batch.first_sequence)
        known = min(expected - batch.first_sequence, len(batch))
        if known:
            self._check_known(batch, known)
        fresh = batch.tail(known)
        if not len(fresh):
            return Appended(expected - 1, added=0, first_index=0, receive_time=0)
        received = ReceivedBatch(fresh, now, self._next_index)
        self._open_part(from_micros(now).date()).batches.append(received)
        added.append(received)
        self._next_index = received.next_index
        self._next_sequence[batch.producer] = fresh.next_sequence
        return Appended(fresh.next_sequence - 1, len(fresh), received.first_index, now)

    def _check_known(self, batch: RecordBatch, known: int) -> None:
        sequence, end = batch.first_sequence, batch.first_sequence + known
        while sequence < end:
            unsealed = self.find_unsealed(batch.producer, sequence)
            stored = unsealed.batch if unsealed else self._find_sealed(batch.producer, sequence)
            if stored is None:
                return
            domain.check_same(batch, stored)
            sequence = stored.next_sequence

    def _open_part(self, day: date) -> Part:
        if self._writer is None:
            key_id = self._keys.current(RecordClass.CHAT, day)
            self._writer = WalWriter(self._folder, self._next_index, day, key_id, self._keys.journal_key)
            with self._parts_lock:
                self._parts += (Part(self._writer.path, day, self._next_index),)
        return self._parts[-1]

    def _write(self, added: list[ReceivedBatch]) -> None:
        assert self._writer is not None  # noqa: S101 - _admit opened it
        self._writer.append(added)
        for received in added:
            self._durable[received.batch.producer] = received.batch.next_sequence

    def _parts_full(self) -> bool:
        part = self._parts[-1] if self._parts and self._writer else None
        return part is not None and part.next_index - part.first_index >= self._part_records

    def _close_file(self) -> None:
        if self._writer is not None:
            # Also where closing fails, the descriptor is gone: closed again it might be another file's.
            writer, self._writer = self._writer, None
            writer.close()
            self._parts[-1].closed_at = time.monotonic()

    def _settle(self, items: list[_Item]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._announce, items)

    def _announce(self, items: list[_Item]) -> None:
        """On the event loop: gives each waiting caller its outcome."""
        for item in items:
            if isinstance(item.outcome, Appended):
                self._backlog.add(item.outcome.added)
                if not item.future.done():
                    item.future.set_result(item.outcome)
            elif not item.future.done():
                item.future.set_exception(item.outcome)
