"""From write-ahead files to segments."""

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlmodel import Session

from chassis.db import Database
from chassis.ids import new_id
from services.retention.errors import DamagedError
from services.retention.ingest.journal import Journal, Part
from services.retention.ingest.wal import read_wal
from services.retention.log.jobs import Sealable
from services.retention.log.leaves import RecordClass, SegmentLeaf
from services.retention.segments import segment, store
from services.retention.segments.archive import Archive
from services.retention.segments.records import ReceivedBatch, RecordBatch


class ChatSource:
    """Makes a segment of each closed write-ahead file, from what was read back from the disk."""

    def __init__(self, database: Database, journal: Journal, archive: Archive) -> None:
        self._database = database
        self._journal = journal
        self._archive = archive

    async def collect(self) -> Sequence[Sealable]:
        """The closed files as segments, on disk."""
        parts = await self._journal.close_part()
        expected = await self._database.read(lambda session: store.next_index(session, RecordClass.CHAT))
        found: list[Sealable] = []
        for part in parts:
            if part.next_index <= expected:
                # Its segment was committed, though the answer to that never came.
                self._journal.release(part)
                continue
            if part.first_index != expected:
                raise DamagedError(f"{part.path.name}: records from index {expected} on are missing")
            found.append(await asyncio.to_thread(self._seal, part))
            expected = part.next_index
        return found

    def _seal(self, part: Part) -> Sealable:
        batches = read_wal(part.path)
        if batches[-1].next_index != part.next_index:
            raise DamagedError(f"{part.path.name}: acknowledged records are missing")
        content, leaf = segment.build(RecordClass.CHAT, UUID(new_id()), batches)
        file = self._archive.write(leaf, content)
        return Sealable(leaf.entry(), partial(_enter, leaf, batches, file), partial(self._journal.release, part))


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

    def __call__(self, producer: str, sequence: int) -> RecordBatch:
        """The stored batch."""
        assert self._loop is not None  # noqa: S101 - open() comes first
        query = partial(store.of_producer, producer=producer, sequence=sequence)
        sealed = asyncio.run_coroutine_threadsafe(self._database.read(query), self._loop).result()
        found = self._archive.load(sealed) if sealed else None
        run = found.run_of(producer, sequence) if found else None
        if found is None or run is None:
            raise DamagedError(f"{producer}: sequence {sequence} is in no segment")
        return found.batch(run)
