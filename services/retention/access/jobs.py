"""From the register to leaves."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlmodel import Session

from chassis.db import Database
from services.retention.access import store
from services.retention.access.store import Event
from services.retention.access.wire import event_number
from services.retention.log.jobs import Sealable
from services.retention.log.leaves import event_entry
from services.retention.segments.records import to_micros

_MOST_AT_ONCE = 1000


class EventSource:
    """Makes a leaf of each entry of the register."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def collect(self) -> Sequence[Sealable]:
        """The entries that wait."""
        events = await self._database.read(lambda session: store.unsealed(session, _MOST_AT_ONCE))
        return [Sealable(entry_of(event), partial(_enter, event)) for event in events]


def entry_of(event: Event) -> bytes:
    """The leaf of an entry."""
    kind = event_number(event.kind)
    return event_entry(kind, UUID(event.event_id), to_micros(event.time), event.salt, event.statement)


def _enter(event: Event, session: Session, leaf_index: int) -> None:
    store.set_leaf(session, event.position, leaf_index)
