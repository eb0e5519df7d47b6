"""Scrubbing: segment files are read and hashed again, one after the other, before somebody needs them."""

import asyncio
import logging
from hashlib import sha256

from sqlmodel import Session, col, func, select

from chassis.db import Database
from chassis.refusal import Refusal
from services.retention.segments.models import SegmentRow
from services.retention.segments.storage import SegmentStorage

_log = logging.getLogger("ombud.retention.scrub")


class Scrub:
    """Goes round all segments, for ever, evenly: reading a bucket costs, and a disk has other work.

    Args:
        database: The catalogue.
        storage: The segment files.
        share: How much of a round one tick is.
    """

    def __init__(self, database: Database, storage: SegmentStorage, *, share: float) -> None:
        self._database = database
        self._storage = storage
        self._share = share
        self._segments = 0
        self._due = 0.0
        self._last = -1

    async def tick(self) -> None:
        """Looks at the segments that are due, in the order of the log."""
        if self._last < 0:
            self._segments = await self._database.read(_count)
        self._due = min(self._due + self._segments * self._share, self._segments)
        while self._due >= 1:
            self._due -= 1
            await self._look()

    async def _look(self) -> None:
        row = await self._database.read(self._next)
        if row is None:
            self._last = -1
            return
        try:
            whole = await asyncio.to_thread(self._whole, row)
        except Refusal:
            # The store does not answer now, which it has said in the log.
            return
        self._last = row.leaf_index
        if not whole and await self._database.read(lambda session: _kept(session, row)):
            _log.error(
                "segments/%s is missing or damaged: segment %s, leaf %d", row.file, row.segment_id, row.leaf_index
            )

    def _next(self, session: Session) -> SegmentRow | None:
        query = (
            select(SegmentRow)
            .where(col(SegmentRow.leaf_index) > self._last, col(SegmentRow.purge_id).is_(None))
            .order_by(col(SegmentRow.leaf_index))
            .limit(1)
        )
        return session.exec(query).first()

    def _whole(self, row: SegmentRow) -> bool:
        return any(sha256(content).digest() == row.file_hash for content in self._storage.copies(row.file))


def _count(session: Session) -> int:
    """How many segments there are to look at."""
    return session.exec(select(func.count()).where(col(SegmentRow.purge_id).is_(None))).one()


def _kept(session: Session, row: SegmentRow) -> bool:
    """Whether no purge took a segment meanwhile."""
    found = session.get(SegmentRow, row.segment_id)
    return found is not None and found.purge_id is None
