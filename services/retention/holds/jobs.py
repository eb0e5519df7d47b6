"""What time does to a hold, and the keys that it keeps."""

import asyncio
from functools import partial
from uuid import UUID

from chassis.clock import Clock
from chassis.db import Database, Unit
from chassis.refusal import ErrorReason, Refusal
from services.retention.holds import store
from services.retention.holds.domain import EventKind, Hold, State
from services.retention.holds.register import registered
from services.retention.keys.domain import Scope
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass

_ENDS = {State.EXPIRED: EventKind.EXPIRED, State.LAPSED: EventKind.LAPSED}


class HoldKeys:
    """Keeps the keys of what holds cover apart from their days', and destroys them when the hold ends.

    A scope's key is taken over while its day is open. For a day in custody that needs custodians' answers; until they
    came, the day as a whole is not destroyed.
    """

    def __init__(self, database: Database, *, keys: Keys, key_store: KeyStore, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._key_store = key_store
        self._clock = clock

    async def tick(self) -> None:
        """Takes over what holds cover by now; ends the holds that have ended."""
        holds = await self._database.read(store.not_ended)
        now = self._clock.now()
        for hold in holds:
            if hold.keeps(now):
                await asyncio.to_thread(self._take_over, hold)
            else:
                await asyncio.to_thread(self._keys.release_hold, hold.hold_id)
                await self._database.work("hold-end", partial(_end, hold))

    def _take_over(self, hold: Hold) -> None:
        days = self._key_store.days(RecordClass.CHAT, open_=True)
        if hold.hold_id in self._keys.granted:
            # Nothing else of closed days can be taken over, and there are many of them.
            days += self._key_store.days(RecordClass.CHAT, open_=False)
        for day in filter(hold.covers, days):
            for group_id in hold.scope.group_ids:
                scope = Scope(RecordClass.CHAT, UUID(group_id).bytes)
                try:
                    self._keys.wrap_for_hold(day, scope, hold.hold_id)
                except Refusal as refusal:
                    if refusal.reason not in _LATER:
                        raise


_LATER = {ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED, ErrorReason.ERROR_REASON_CUSTODIANS_MISSING}


def _end(hold: Hold, unit: Unit) -> None:
    if (kind := _ENDS.get(hold.state(unit.now))) is not None:
        registered(unit, hold, kind)
    store.set_ended(unit.session, hold.hold_id)
