"""What time does to an access."""

from functools import partial

from chassis.clock import Clock
from chassis.db import Database, Unit
from services.retention.access import store
from services.retention.access.domain import EventKind
from services.retention.access.register import registered

_MOST_AT_ONCE = 100


class Expiry:
    """Registers the end of each window. Readers need no such event: they compare with the clock."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tick(self) -> None:
        """Registers what has ended since."""
        due = partial(store.unregistered_ends, at=self._clock.now(), limit=_MOST_AT_ONCE)
        while access_ids := await self._database.read(due):
            await self._database.work("access-expiry", partial(_register, access_ids))


def _register(access_ids: list[str], unit: Unit) -> None:
    for access_id in access_ids:
        registered(unit, store.get(unit.session, access_id), EventKind.EXPIRED)
        store.set_end_registered(unit.session, access_id)
