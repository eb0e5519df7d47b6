"""Background work that runs once, however many processes serve over one database."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from sqlalchemy.exc import SQLAlchemyError

from chassis.db import Database
from chassis.db import lease as leases

# A third of a lease's term: what keeps it late is still in time.
_EVERY = leases.TERM.total_seconds() / 3
_ASK_AGAIN = 0.5

_log = logging.getLogger("ombud.leading")


class Leader:
    """Does a service's jobs while it holds the lease, and waits for it otherwise.

    A job's writes are checked against the lease in their own transaction: a process that was away for longer than the
    lease writes nothing more.

    Args:
        database: The service's database, which all its processes share.
        name: Names the lease.
        jobs: Run until they are cancelled.
    """

    def __init__(self, database: Database, name: str, jobs: Sequence[Callable[[], Awaitable[None]]]) -> None:
        self._database = database
        self._name = name
        self._jobs = jobs

    async def run(self) -> None:
        """Runs until cancelled, then gives the lease back."""
        while True:
            lease = await self._take()
            if lease is not None:
                await self._lead(lease)
            await asyncio.sleep(_EVERY)

    async def _lead(self, lease: leases.Held) -> None:
        _log.info("%s: %s is led here, term %d", self._database.service, self._name, lease.term)
        before = leases.held.set(lease)
        working = [asyncio.ensure_future(job()) for job in self._jobs]
        leases.held.reset(before)
        try:
            await self._keep(lease)
        finally:
            await _ended(working)
            with contextlib.suppress(SQLAlchemyError):
                await self._database.work("lease", lambda unit: leases.release(unit, lease))

    async def _keep(self, lease: leases.Held) -> None:
        """Returns once the lease could not be kept."""
        kept: leases.Held | None = lease
        while kept == lease:
            await asyncio.sleep(_EVERY)
            kept = await self._take()

    async def _take(self) -> leases.Held | None:
        try:
            return await self._database.work(
                "lease", lambda unit: leases.take(unit, self._name, self._database.process)
            )
        except SQLAlchemyError as error:
            _log.warning("%s: the lease can not be had: %s", self._database.service, type(error).__name__)
            return None


async def cancel(tasks: Collection["asyncio.Future[None]"]) -> None:
    """Ends tasks; asks again where a library has swallowed the first request (asyncio.wait_for does before 3.12)."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_ASK_AGAIN)


async def _ended(tasks: Collection["asyncio.Future[None]"]) -> None:
    """As `cancel`, and not to be cancelled itself: whoever asks, asks again."""
    ending = asyncio.ensure_future(cancel(tasks))
    while not ending.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(ending)
