"""From write-ahead files to segments."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from uuid import UUID

from sqlmodel import Session

from chassis.db import Database
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from services.retention.errors import DamagedError
from services.retention.ingest.journal import Journal, Part
from services.retention.log.jobs import Sealable
from services.retention.log.leaves import RecordClass, SegmentLeaf
from services.retention.segments import store
from services.retention.segments.archive import Archive
from services.retention.segments.records import ReceivedBatch, RecordBatch
from services.retention.segments.sealing import SealingProcess, Task

_UNREADABLE = {
    ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED,
    ErrorReason.ERROR_REASON_KEYS_DESTROYED,
    ErrorReason.ERROR_REASON_RECORDS_PURGED,
}


class ChatSource:
    """Makes a segment of each closed write-ahead file, from what was read back from the disk."""

    def __init__(self, database: Database, journal: Journal, archive: Archive, process: SealingProcess) -> None:
        self._database = database
        self._journal = journal
        self._archive = archive
        self._process = process

    async def collect(self) -> AsyncIterator[Sequence[Sealable]]:
        """The closed files as segments, on disk; one after the other, so that each makes room once it is sealed."""
        parts = await self._journal.close_part()
        expected = await self._database.read(lambda session: store.next_index(session, RecordClass.CHAT))
        for part in parts:
            if part.next_index <= expected:
                # Its segment was committed, though the answer to that never came.
                self._journal.release(part)
                continue
            if part.first_index != expected:
                raise DamagedError(f"{part.path.name}: records from index {expected} on are missing")
            yield [await asyncio.to_thread(self._seal, part)]
            expected = part.next_index

    def _seal(self, part: Part) -> Sealable:
        sealed = self._process.seal(Task(part.path, UUID(new_id()), self._archive.dictionary))
        leaf = sealed.leaf
        if (leaf.first_index, leaf.first_index + leaf.count) != (part.first_index, part.next_index):
            raise DamagedError(f"{part.path.name}: acknowledged records are missing")
        if sealed.dictionary:
            self._archive.keep_dictionary(sealed.dictionary, leaf)
        file = self._archive.write(leaf, sealed.content)
        return Sealable(leaf.entry(), partial(_enter, leaf, part.batches, file), partial(self._journal.release, part))


def _enter(leaf: SegmentLeaf, batches: list[ReceivedBatch], file: str, session: Session, leaf_index: int) -> None:
    store.add(session, leaf, file=file, leaf_index=leaf_index)
    store.add_producers(session, str(leaf.segment_id), batches)


class SealedBatches:
    """Finds the sealed batch that holds a producer's sequence, for the journal's thread."""

    def __init__(self, database: Database, archive: Archive) -> None:
        self._database = database
        self._archive = archive
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Takes the running event loop, through which the catalogue is asked."""
        self._loop = asyncio.get_running_loop()

    def __call__(self, producer: str, sequence: int) -> RecordBatch | None:
        """The stored batch; None if its day is closed or purged, so that nobody here can read it any more."""
        assert self._loop is not None  # noqa: S101 - open() comes first
        query = partial(store.of_producer, producer=producer, sequence=sequence)
        sealed = asyncio.run_coroutine_threadsafe(self._database.read(query), self._loop).result()
        if sealed is None:
            raise DamagedError(f"{producer}: sequence {sequence} is in no segment")
        try:
            found = self._archive.load(sealed)
            if (run := found.run_of(producer, sequence)) is None:
                raise DamagedError(f"{producer}: sequence {sequence} is not in its segment")
            return found.batch(run)
        except Refusal as refusal:
            if refusal.reason in _UNREADABLE:
                return None
            raise
