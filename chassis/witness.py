"""Holds a process's clock against its database's, which all processes of a service share."""

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from chassis.clock import MOST_DIFFERENCE, SteadyClock
from chassis.config import ConfigError
from chassis.db import Database

_EVERY = 5.0
# A database that takes longer to answer does not tell what the time is now.
_PROMPT = MOST_DIFFERENCE / 2
_STEP = timedelta(milliseconds=100)

_log = logging.getLogger("ombud.witness")


class Witness:
    """The database of a service, as a witness of the time.

    Args:
        database: The database.
        clock: The clock of this process.
    """

    def __init__(self, database: Database, clock: SteadyClock) -> None:
        self._database = database
        self._clock = clock
        self._believed = True

    async def agree(self) -> None:
        """Returns if the machine's clock shows what the database's shows.

        Raises:
            ConfigError: It does not.
        """
        told = await self._database.read(told_time)
        if told is not None and self._clock.confirm(told) is None:
            ahead = (self._clock.now() - told).total_seconds()
            raise ConfigError(
                f"the machine's clock is {ahead:+.0f} s off that of {self._database.service}'s database, "
                f"{MOST_DIFFERENCE.total_seconds():.0f} s are the most: set it right"
            )

    async def run(self) -> None:
        """Compares from time to time until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            with contextlib.suppress(SQLAlchemyError):
                await self._compare()

    async def _compare(self) -> None:
        told = await self._database.read(told_time)
        if told is None:
            return
        step = self._clock.confirm(told)
        if step is None and self._believed:
            _log.error("the machine's clock and the database's differ: the time goes on as it did before")
        elif step is not None and abs(step) > _STEP:
            _log.warning("the clock was set by %+.1f s, as the database's was", step.total_seconds())
        self._believed = step is not None


def told_time(session: Session) -> datetime | None:
    """The database's time; None if it was not told at once."""
    began = time.monotonic()
    told: datetime = session.execute(select(func.current_timestamp())).scalar_one()
    if time.monotonic() - began > _PROMPT.total_seconds():
        return None
    # SQLite tells UTC, and does not say so.
    return told if told.tzinfo else told.replace(tzinfo=UTC)
