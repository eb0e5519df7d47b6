"""The parts of the retention service that end records, on the folder of a service that was stopped."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chassis.db import Database
from services.retention.holds.jobs import HoldKeys
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.log.ledger import Ledger
from services.retention.memberships.trail import Memberships
from services.retention.purges.jobs import Purging
from services.retention.segments.archive import Archive
from services.retention.segments.storage import LocalStorage
from tests.support.clock import ManualClock

DAY = timedelta(days=1)
CEILING = 200 * DAY


class CutError(Exception):
    """The process ends here."""


class Fuse:
    """Ends the process before one of the steps that change something, or after it."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps = 0

    def guard(self, owner: object, name: str) -> None:
        """Counts the calls of a method, and what becomes of the one that was chosen."""
        real: Callable[..., Any] = getattr(owner, name)

        def guarded(*arguments: Any, **options: Any) -> Any:
            self._burn()
            done = real(*arguments, **options)
            self._burn()
            return done

        setattr(owner, name, guarded)

    def guard_async(self, owner: object, name: str) -> None:
        """The same for a coroutine."""
        real: Callable[..., Any] = getattr(owner, name)

        async def guarded(*arguments: Any, **options: Any) -> Any:
            self._burn()
            done = await real(*arguments, **options)
            self._burn()
            return done

        setattr(owner, name, guarded)

    def _burn(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise CutError


@dataclass
class Stack:
    """What ends records."""

    database: Database
    archive: Archive
    storage: LocalStorage
    key_store: KeyStore
    keys: Keys
    hold_keys: HoldKeys
    purging: Purging
    clock: ManualClock

    async def pass_ceiling(self) -> None:
        """Lets the clock show that the day is due, and go on until that is believed."""
        await self.purging.tick()
        self.clock.advance(DAY)
        await self.hold_keys.tick()
        await self.purging.tick()


@contextlib.asynccontextmanager
async def stacked(
    folder: Path, clock: ManualClock, *, slots: int = 3, fuse: Fuse | None = None
) -> AsyncIterator[Stack]:
    """Opens the parts on a folder."""
    database = Database(
        f"sqlite:///{folder}/retention.db", service="retention", clock=clock, migrations="services.retention"
    )
    await database.open()
    key_store = KeyStore(folder / "keys" / "days")
    keys = Keys(key_store, slots)
    storage = LocalStorage(folder / "segments")
    archive = Archive(storage, dict.fromkeys(RecordClass, DAY).__getitem__, keys)
    ledger = Ledger(database, folder, "ombud.local/log")
    await ledger.open()
    if fuse is not None:
        fuse.guard(keys, "destroy_day")
        fuse.guard(keys, "keep_held")
        fuse.guard(storage, "delete")
        fuse.guard_async(database, "work")
    purging = Purging(
        database,
        archive,
        storage,
        ledger,
        keys=keys,
        key_store=key_store,
        memberships=Memberships(database, archive),
        clock=clock,
        backups=14 * DAY,
    )
    hold_keys = HoldKeys(database, keys=keys, key_store=key_store, clock=clock)
    try:
        yield Stack(database, archive, storage, key_store, keys, hold_keys, purging, clock)
    finally:
        await database.close()


def seen_time(folder: Path) -> datetime | None:
    """What the service noted last of its clock."""
    connection = sqlite3.connect(f"file:{folder}/retention.db?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT time FROM clock_pulse").fetchone()
    finally:
        connection.close()
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row[0]) if row else None
