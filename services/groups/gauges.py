"""What an operator watches of the groups service."""

from functools import partial

from chassis.db import Database
from chassis.metrics import Declared, Observed
from services.groups.tipoffs import store as tip_offs

_OVERDUE = Declared("ombud.tip_offs.overdue", "{tip_off}")


def gauges_of(database: Database) -> list[Observed]:
    """The gauges of the service."""
    return [Observed(_OVERDUE, (), partial(_overdue, database))]


async def _overdue(database: Database) -> float:
    return await database.read(lambda session: tip_offs.count_overdue(session, database.clock.now()))
