"""Destroys what has reached its ceiling: keys first, then ciphertext, then says so in the log.

Every step can be cut off anywhere and is done again at the next start. What a record's leaf and its segment's leaf
commit to stays in the log, so every proof that was given out goes on verifying.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlmodel import Session

from chassis.clock import Clock
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.refusal import Refusal
from services.retention.errors import DamagedError
from services.retention.holds import store as holds
from services.retention.holds.domain import Hold, narrowed
from services.retention.keys.domain import Scope
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.lifecycle import store as lifecycle
from services.retention.lifecycle.committed import committed
from services.retention.lifecycle.domain import (
    DAY,
    ClassName,
    Pulse,
    Terms,
    due_time,
    midnight,
    next_change,
    observe,
    terms_of,
)
from services.retention.log.leaves import RecordClass
from services.retention.log.ledger import Ledger
from services.retention.memberships.trail import Memberships
from services.retention.purges import domain, store
from services.retention.purges.committed import check_holds, check_segments
from services.retention.purges.domain import Contents, EventKind, Purge, State
from services.retention.purges.register import registered
from services.retention.segments.archive import Archive
from services.retention.segments.storage import SegmentStorage, StillLockedError
from services.retention.segments.store import Sealed

_PULSE_KEPT_EVERY = timedelta(minutes=1)
_log = logging.getLogger("ombud.retention.purges")
_CLASSES = {ClassName.CHAT: RecordClass.CHAT, ClassName.AUDIT: RecordClass.AUDIT}
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_Kept = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class _Due:
    """A day that has reached its ceiling, with what has to be known to plan its end."""

    name: ClassName
    day: date
    terms: Terms
    segments: list[Sealed]
    contents: list[Contents]
    holds: list[Hold]
    kept: _Kept


class Purging:
    """Looks for days at their ceiling and ends them, while the clock is believed.

    Args:
        database: Keeps how far each purge has come.
        archive: Reads segments.
        storage: Where their files are.
        ledger: The log.
        keys: Destroys keys.
        key_store: Tells which keys holds have taken over.
        memberships: Tell what a hold on a participant leaves out.
        clock: The server's clock.
        backups: After so long no backup of the key store is left.
    """

    def __init__(
        self,
        database: Database,
        archive: Archive,
        storage: SegmentStorage,
        ledger: Ledger,
        *,
        keys: Keys,
        key_store: KeyStore,
        memberships: Memberships,
        clock: Clock,
        backups: timedelta,
    ) -> None:
        self._database = database
        self._archive = archive
        self._storage = storage
        self._ledger = ledger
        self._keys = keys
        self._key_store = key_store
        self._memberships = memberships
        self._clock = clock
        self._backups = backups
        self._pulse: Pulse | None = None
        self._belied: set[ClassName] = set()
        self._kept_by: dict[tuple[ClassName, date], list[Hold]] = {}

    async def tick(self) -> None:
        """Ends what is due, if the clock is believed."""
        if not await self._clock_believed():
            return
        for purge in await self._database.read(store.unfinished):
            await self._finish(purge)
        for name in ClassName:
            try:
                await self._look_for(name)
            except DamagedError as error:
                self._warn(name, error)

    async def _clock_believed(self) -> bool:
        kept = await self._database.read(store.pulse)
        seen = self._pulse = observe(self._pulse or kept, self._clock.now())
        if kept is None or kept.steady_since != seen.steady_since or seen.time - kept.time >= _PULSE_KEPT_EVERY:
            await self._database.work("clock-pulse", lambda unit: store.save_pulse(unit.session, seen))
        return seen.believed

    async def _look_for(self, name: ClassName) -> None:
        versions = await self._database.read(partial(committed, name=name, ledger=self._ledger))
        if name is ClassName.REGISTER:
            await self._look_through_register(versions)
        else:
            await self._look_for_segments(name, versions)

    def _warn(self, name: ClassName, error: DamagedError) -> None:
        if name not in self._belied:
            self._belied.add(name)
            _log.error("nothing of class %s is destroyed: %s", name, error)

    async def _look_for_segments(self, name: ClassName, versions: list[Terms]) -> None:
        start: datetime | None = _EVER
        while start and (day := await self._database.read(partial(store.oldest_day, name=name, start=start))):
            if (terms := self._due(day, versions)) is None:
                # Shorter terms may have come after it.
                start = next_change(day, versions)
                continue
            await self._plan(name, day, terms)
            start = midnight(day) + DAY

    def _due(self, day: date, versions: list[Terms]) -> Terms | None:
        """The terms of a day that has reached its ceiling; None of one that has not."""
        terms = terms_of(day, versions)
        return terms if terms is not None and self._clock.now() >= due_time(day, terms) else None

    async def _plan(self, name: ClassName, day: date, terms: Terms) -> None:
        covering, segments, before = await self._database.read(partial(self._facts, name=name, day=day))
        if before and self._kept_by.get((name, day)) == covering:
            return
        kept = await self._kept(day, covering)
        held = _held_groups(kept)
        contents = await asyncio.to_thread(lambda: [self._contents(sealed, held) for sealed in segments])
        if not self._held_keys_are_safe(day, kept, contents):
            return
        if not domain.is_wanted(domain.free(contents, held), before):
            self._kept_by[name, day] = covering
            return
        due = _Due(name, day, terms, segments, contents, covering, kept)
        if (purge := await self._database.work("purge-plan", partial(self._take, due))) is not None:
            await self._finish(purge)

    def _facts(self, session: Session, name: ClassName, day: date) -> tuple[list[Hold], list[Sealed], int]:
        covering, segments = _covering(session, name, day, self._clock), store.of_day(session, name, day)
        check_segments(session, day, segments, self._ledger)
        check_holds(session, self._key_store.hold_ids())
        return covering, segments, store.count_of_day(session, name, day)

    async def _kept(self, day: date, covering: list[Hold]) -> _Kept:
        """By hold, the groups that it keeps of a day."""
        histories = await self._memberships.of_groups(narrowed(covering))
        return {hold.hold_id: hold.groups_on(day, histories) for hold in covering}

    def _contents(self, sealed: Sealed, held: set[str]) -> Contents:
        """Which groups a segment has; not asked where nothing is held. A damaged one may have every held group."""
        if not held:
            return Contents(sealed.segment_id, frozenset())
        try:
            groups = self._archive.load(sealed).groups
        except Refusal:
            return Contents(sealed.segment_id, frozenset(held))
        return Contents(sealed.segment_id, frozenset(str(UUID(bytes=group)) for group in groups))

    def _held_keys_are_safe(self, day: date, kept: _Kept, contents: list[Contents]) -> bool:
        """Whether every held group's key is kept apart from the day's."""
        present = frozenset[str]().union(*(each.groups for each in contents))
        return all(
            self._key_store.hold(hold_id, day, Scope.of_group(group_id)) is not None
            for hold_id, group_ids in kept.items()
            for group_id in group_ids
            if group_id in present
        )

    def _take(self, due: _Due, unit: Unit) -> Purge | None:
        """Writes the plan down, unless a hold came in between."""
        if _covering(unit.session, due.name, due.day, self._clock) != due.holds:
            return None
        free = set(domain.free(due.contents, _held_groups(due.kept)))
        taken = [sealed for sealed in due.segments if sealed.segment_id in free]
        purge = Purge(
            purge_id=new_id(),
            name=due.name,
            day=due.day,
            terms_id=due.terms.terms_id,
            plan_time=unit.now,
            segments=len(taken),
            records=sum(sealed.next_index - sealed.first_index for sealed in taken),
            kept_segments=len(due.segments) - len(taken),
            hold_ids=tuple(hold_id for hold_id, group_ids in due.kept.items() if group_ids),
            log_size=self._ledger.head.size,
            log_root=self._ledger.head.root,
        )
        store.add(unit.session, purge, [sealed.segment_id for sealed in taken])
        self._register(unit, purge, EventKind.PLANNED)
        return purge

    async def _finish(self, purge: Purge) -> None:
        if purge.state is State.PLANNED:
            await asyncio.to_thread(self._keys.destroy_day, purge.day, _CLASSES[purge.name])
            if purge.name is ClassName.CHAT:
                await self._end_left_out(purge.day)
            self._archive.forget(purge.day)
            purge = replace(purge, state=State.KEYS_DESTROYED, keys_destroy_time=self._clock.now())
            await self._write_down(purge)
        if purge.state is State.KEYS_DESTROYED:
            segments = await self._database.read(partial(store.doomed, purge_id=purge.purge_id))
            try:
                freed = await asyncio.to_thread(lambda: sum(self._storage.delete(each.file) for each in segments))
            except StillLockedError as error:
                _log.warning("purge %s waits: %s", purge.purge_id, error)
                return
            purge = replace(purge, state=State.FILES_DELETED, bytes_freed=freed)
            await self._write_down(purge)
        await self._database.work("purge-certificate", partial(self._certify, purge))

    async def _end_left_out(self, day: date) -> None:
        """Destroys keys that holds took over while the day was open, of groups that they turned out not to keep."""
        facts = await self._database.read(partial(_covering, name=ClassName.CHAT, day=day, clock=self._clock))
        kept = await self._kept(day, facts)
        scopes = {hold_id: [Scope.of_group(each) for each in group_ids] for hold_id, group_ids in kept.items()}
        await asyncio.to_thread(self._keys.keep_held, day, scopes)

    async def _write_down(self, purge: Purge) -> None:
        await self._database.work("purge-step", lambda unit: store.save(unit.session, purge))

    def _certify(self, purge: Purge, unit: Unit) -> None:
        certified = replace(purge, state=State.CERTIFIED, certify_time=unit.now)
        if purge.name is ClassName.AUDIT:
            store.forget_audit(unit.session, store.doomed(unit.session, purge.purge_id))
        store.save(unit.session, certified)
        self._register(unit, certified, EventKind.CERTIFIED)

    def _register(self, unit: Unit, purge: Purge, kind: EventKind) -> None:
        registered(
            unit,
            purge,
            kind,
            terms=lifecycle.get_terms(unit.session, purge.terms_id),
            leaf_indexes=[each.leaf_index for each in store.doomed(unit.session, purge.purge_id)],
            backups=self._backups,
        )

    async def _look_through_register(self, versions: list[Terms]) -> None:
        start: datetime | None = _EVER
        while start and (day := await self._database.read(partial(store.oldest_registered_day, start=start))):
            if (terms := self._due(day, versions)) is None:
                start = next_change(day, versions)
                continue
            await self._database.work("purge-register", partial(self._end_registered, day, terms))
            start = midnight(day) + DAY

    def _end_registered(self, day: date, terms: Terms, unit: Unit) -> None:
        """Ends a day of the register, in one transaction: it has no keys and no files of its own."""
        leaves = store.take_registered(unit.session, day)
        if not leaves:
            return
        purge = Purge(
            purge_id=new_id(),
            name=ClassName.REGISTER,
            day=day,
            terms_id=terms.terms_id,
            plan_time=unit.now,
            segments=0,
            records=len(leaves),
            kept_segments=0,
            hold_ids=(),
            log_size=self._ledger.head.size,
            log_root=self._ledger.head.root,
            state=State.CERTIFIED,
            keys_destroy_time=unit.now,
            certify_time=unit.now,
        )
        store.add(unit.session, purge, [])
        registered(unit, purge, EventKind.CERTIFIED, terms=terms, leaf_indexes=leaves, backups=self._backups)


def _covering(session: Session, name: ClassName, day: date, clock: Clock) -> list[Hold]:
    """The holds that keep records of a day."""
    if name is not ClassName.CHAT:
        return []
    now = clock.now()
    return [hold for hold in holds.not_ended(session) if hold.keeps(now) and hold.covers(day)]


def _held_groups(kept: _Kept) -> set[str]:
    return {group_id for group_ids in kept.values() for group_id in group_ids}
