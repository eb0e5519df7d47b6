"""From the register to leaves, and from leaves to proofs."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from uuid import UUID

from sqlmodel import Session

from chassis.db import Database
from services.retention.log.jobs import Sealable
from services.retention.log.leaves import event_entry, event_evidence
from services.retention.log.ledger import Ledger
from services.retention.register import store
from services.retention.register.store import Event
from services.retention.segments.records import to_micros

_MOST_AT_ONCE = 1000


class EventSource:
    """Makes a leaf of each entry of the register."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def collect(self) -> AsyncIterator[Sequence[Sealable]]:
        """The entries that wait."""
        events = await self._database.read(lambda session: store.unsealed(session, _MOST_AT_ONCE))
        yield [Sealable(entry_of(event), partial(_enter, event)) for event in events]


def proof_of(event: Event, ledger: Ledger) -> str:
    """The tlog-proof of an entry; empty while no published checkpoint covers it."""
    if event.leaf_index is None or not ledger.covers(event.leaf_index):
        return ""
    return ledger.proof(event_evidence(entry_of(event), event.salt, event.statement), event.leaf_index)


def entry_of(event: Event) -> bytes:
    """The leaf that commits to an entry."""
    return event_entry(event.kind, UUID(event.event_id), to_micros(event.time), event.salt, event.statement)


def _enter(event: Event, session: Session, leaf_index: int) -> None:
    store.set_leaf(session, event.position, leaf_index)
