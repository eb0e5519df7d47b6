"""What time does to keys: days close, and what was opened is wiped."""

import logging
from datetime import date, timedelta
from functools import partial

from sqlmodel import Session

from chassis.clock import Clock
from chassis.db import Database, Unit
from chassis.refusal import ErrorReason, Refusal
from services.retention.custody import store
from services.retention.custody.domain import EventKind
from services.retention.custody.register import registered
from services.retention.holds import store as holds
from services.retention.holds.domain import Hold
from services.retention.ingest.journal import Journal
from services.retention.keys.domain import Scope
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.segments.archive import Archive
from services.retention.segments.records import midnight_after
from services.retention.segments.sealing import SealingProcess

_log = logging.getLogger("ombud.retention.custody")


class Closing:
    """Closes each chat day: its secret goes into custody, and out of this machine's memory and disk.

    Args:
        database: Where the act is registered.
        clock: The server's clock.
        keys: Close the day.
        key_store: Knows which days are open.
        journal: Receives nothing on a closed day.
        archive: Forgets what it has in memory of the day.
        process: Ends, and with it the keys that its memory holds.
        grace: How long after midnight a day closes.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        keys: Keys,
        key_store: KeyStore,
        journal: Journal,
        archive: Archive,
        process: SealingProcess,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._key_store = key_store
        self._journal = journal
        self._archive = archive
        self._process = process
        self._grace = grace
        self._warned = date.min

    def recover(self) -> None:
        """Keeps closed days closed after a new start."""
        for day in self._key_store.days(RecordClass.CHAT, open_=False)[-1:]:
            self._journal.keep_after(day)

    async def tick(self) -> None:
        """Closes the days that are over and sealed."""
        now = self._clock.now()
        for day in self._key_store.days(RecordClass.CHAT, open_=True):
            if now < midnight_after(day) + self._grace:
                return
            self._journal.keep_after(day)
            # What the journal's thread had begun on the day is in a file when this returns.
            await self._journal.close_part()
            if self._journal.holds_until(day):
                return
            try:
                await self._close(day)
            except Refusal as refusal:
                if refusal.reason != ErrorReason.ERROR_REASON_CUSTODIANS_MISSING:
                    raise
                self._warn(day)
                return

    async def _close(self, day: date) -> None:
        if self._key_store.custody(RecordClass.CHAT, day) is None:
            kept = await self._database.read(lambda session: _kept(session, day, self._clock))
            for hold in kept:
                for group_id in hold.scope.group_ids:
                    self._keys.wrap_for_hold(day, Scope.of_group(group_id), hold.hold_id)
        self._keys.close_day(day)
        self._archive.forget(day)
        self._process.end()
        await self._database.work("day-closing", partial(_register, day))

    def _warn(self, day: date) -> None:
        if day != self._warned:
            self._warned = day
            _log.warning("%s stays readable by this service alone: fewer than two custodians are registered", day)


class AccessEnds:
    """Wipes what custodians' answers opened, once the access has ended."""

    def __init__(self, database: Database, clock: Clock, keys: Keys) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys

    async def tick(self) -> None:
        """Wipes what is over."""
        for access_id in self._keys.granted:
            ended = partial(store.has_ended, access_id=access_id, at=self._clock.now())
            if await self._database.read(ended):
                self._keys.end_access(access_id)


def _kept(session: Session, day: date, clock: Clock) -> list[Hold]:
    """The holds that keep records of a day."""
    return [hold for hold in holds.not_ended(session) if hold.keeps(clock.now()) and hold.covers(day)]


def _register(day: date, unit: Unit) -> None:
    registered(unit, EventKind.DAY_CLOSED, day=day)
