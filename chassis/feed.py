"""The change feed of a service, as its Watch RPC streams it."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from sqlmodel import Session, col, select

from chassis.db.batch import FeedEntry
from chassis.db.database import Database
from chassis.db.tables import Change
from chassis.instants import timestamp
from chassis.pace import Pace
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.types_pb2 import FeedCheckpoint

_IDLE = timedelta(milliseconds=250)
_EVERY = 0.01
_PAGE = 500
_RUN, _RUN_BYTES = 64, 256 << 10


class Feed:
    """Streams committed changes in revision order, and a checkpoint after each run of them and when idle."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def watch(self, from_revision: int, epoch: str = "") -> AsyncIterator[FeedEntry | FeedCheckpoint]:
        """As `runs`, each entry alone."""
        async for item in self.runs(from_revision, epoch):
            if isinstance(item, FeedCheckpoint):
                yield item
            else:
                for entry in item:
                    yield entry

    async def runs(self, from_revision: int, epoch: str = "") -> AsyncIterator[Sequence[FeedEntry] | FeedCheckpoint]:
        """Everything after `from_revision`, until the process drains; what is there already in runs that fit a message.

        Args:
            from_revision: The last revision that the consumer has; 0 for all.
            epoch: The epoch of that revision; empty if the consumer has none yet.

        Raises:
            Refusal: REVISION_UNKNOWN, if the feed does not have that revision, or is another epoch's; DRAINING, once
                the process is to end.
        """
        head = await self._database.head()
        if (epoch and epoch != head.epoch) or from_revision > head.revision:
            raise Refusal(
                ErrorReason.ERROR_REASON_REVISION_UNKNOWN,
                "the feed does not continue what the consumer has",
                satisfy="revision 0 and an empty epoch, after what was derived has been dropped",
                asked=from_revision,
                newest=head.revision,
                epoch=head.epoch,
            )
        position, pace = from_revision, Pace(_EVERY)
        while not self._database.draining:
            entries = await self._database.read(lambda session, after=position: _after(session, after))  # type: ignore[misc]  # bound at once
            for run in _runs(entries):
                yield run
                position = run[-1].revision
            if len(entries) < _PAGE:
                yield self._checkpoint(head.epoch, position)
                await self._database.wait_commit(_IDLE.total_seconds())
                await pace.wait()
        raise Refusal.draining()

    def _checkpoint(self, epoch: str, revision: int) -> FeedCheckpoint:
        return FeedCheckpoint(epoch=epoch, revision=revision, server_time=timestamp(self._database.clock.now()))


def _after(session: Session, revision: int) -> Sequence[FeedEntry]:
    # Columns, not objects of the table's class: those cost several times what the database does.
    query = select(Change.revision, Change.traceparent, Change.key, Change.payload)
    rows = session.exec(query.where(col(Change.revision) > revision).order_by(col(Change.revision)).limit(_PAGE))
    return [FeedEntry(*row) for row in rows]


def _runs(entries: Sequence[FeedEntry]) -> list[list[FeedEntry]]:
    """The entries in order, cut where one message would become too large, or a consumer's transaction too long."""
    found: list[list[FeedEntry]] = []
    size = 0
    for entry in entries:
        size += len(entry.payload)
        if found and len(found[-1]) < _RUN and size <= _RUN_BYTES:
            found[-1].append(entry)
        else:
            found.append([entry])
            size = len(entry.payload)
    return found


def entries_from(session: Session, revision: int = 0) -> list[FeedEntry]:
    """All committed entries after `revision`: what a projection in memory has missed."""
    found: list[FeedEntry] = []
    while page := _after(session, found[-1].revision if found else revision):
        found.extend(page)
    return found
