"""From the audit trail's table to segments."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from itertools import groupby, takewhile
from uuid import UUID

from sqlmodel import Session

from chassis.db import Database
from chassis.ids import new_id
from services.retention.audit import store
from services.retention.audit.models import AuditIndex
from services.retention.keys.keys import Keys
from services.retention.log.jobs import Sealable
from services.retention.log.leaves import NO_GROUP, RecordClass, SegmentLeaf
from services.retention.segments import store as catalogue
from services.retention.segments.archive import Archive
from services.retention.segments.building import Sealing, build
from services.retention.segments.chunk import ChunkCodec
from services.retention.segments.records import ReceivedBatch, RecordBatch, to_micros

PRODUCER = "audit"
_SEGMENT_RECORDS = 8192


class AuditSource:
    """Makes segments of the audit records that no segment holds."""

    def __init__(self, database: Database, archive: Archive, keys: Keys) -> None:
        self._database = database
        self._archive = archive
        self._keys = keys

    async def collect(self) -> AsyncIterator[Sequence[Sealable]]:
        """The oldest waiting records of one day as a segment, on disk."""
        if rows := await self._database.read(_waiting):
            yield [await asyncio.to_thread(self._seal, rows)]

    def _seal(self, rows: Sequence[AuditIndex]) -> Sealable:
        day = rows[0].receive_time.date()
        same_day = takewhile(lambda row: row.receive_time.date() == day, rows)
        batches = [_batch(list(group)) for _, group in groupby(same_day, key=lambda row: row.receive_time)]
        key_id = self._keys.current(RecordClass.AUDIT, day)
        sealing = Sealing(key_id, partial(self._keys.scope_key, day), ChunkCodec())
        content, leaf = build(RecordClass.AUDIT, UUID(new_id()), batches, sealing)
        return Sealable(leaf.entry(), partial(_enter, leaf, self._archive.write(leaf, content)))


def _waiting(session: Session) -> list[AuditIndex]:
    first = catalogue.next_index(session, RecordClass.AUDIT)
    return store.unsealed(session, first, _SEGMENT_RECORDS)


def _batch(rows: Sequence[AuditIndex]) -> ReceivedBatch:
    batch = RecordBatch(
        producer=PRODUCER,
        first_sequence=rows[0].position + 1,
        groups=[NO_GROUP],
        group_indexes=[0] * len(rows),
        event_times=[to_micros(row.event_time) for row in rows],
        bodies=[row.body or b"" for row in rows],
    )
    return ReceivedBatch(batch, to_micros(rows[0].receive_time), rows[0].position)


def _enter(leaf: SegmentLeaf, file: str, session: Session, leaf_index: int) -> None:
    catalogue.add(session, leaf, file=file, leaf_index=leaf_index)
    store.drop_bodies(session, leaf.first_index, leaf.first_index + leaf.count)
