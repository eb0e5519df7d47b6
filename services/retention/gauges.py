"""What an operator watches of the retention service."""

from functools import partial

from sqlmodel import Session

from chassis.db import Database
from chassis.metrics import Declared, Observed
from services.retention.ingest.backlog import Backlog
from services.retention.purges import store as purges

_UNSEALED = Declared("ombud.records.unsealed", "{record}")
_UNFINISHED = Declared("ombud.purges.unfinished", "{purge}")


def gauges_of(database: Database, backlog: Backlog) -> list[Observed]:
    """The gauges of the service."""
    return [
        Observed(_UNSEALED, (), partial(_unsealed, backlog)),
        Observed(_UNFINISHED, (), partial(database.read, _unfinished)),
    ]


async def _unsealed(backlog: Backlog) -> float:
    return backlog.records


def _unfinished(session: Session) -> float:
    return len(purges.unfinished(session))
