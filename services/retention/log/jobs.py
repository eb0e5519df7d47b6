"""Sealing: what waits to be committed to becomes leaves, and the log signs a checkpoint over them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlmodel import Session

from services.retention.errors import DamagedError, ForkedError
from services.retention.log.ledger import Ledger

_log = logging.getLogger("ombud.retention.sealer")


def _nothing() -> None:
    """There is nothing to clean up."""


@dataclass(frozen=True, slots=True)
class Sealable:
    """Something on stable storage that is ready to become a leaf.

    Attributes:
        entry: The leaf.
        catalogue: Enters it; called with the leaf's index, in the transaction that adds the leaf.
        sealed: Called once that transaction is durable.
    """

    entry: bytes
    catalogue: Callable[[Session, int], None]
    sealed: Callable[[], None] = _nothing


class Source(Protocol):
    """Where leaves come from."""

    def collect(self) -> AsyncIterator[Sequence[Sealable]]:
        """What waits, oldest first, in portions: each is sealed before the next is asked for.

        Asked anew, it begins with what is not sealed yet.
        """
        ...


class Sealer:
    """Seals every interval, and at once when a source is full.

    Args:
        ledger: The log.
        sources: Where leaves come from.
        due: Set when it is time before the interval has passed.
        interval: Seconds between two checkpoints at most.
    """

    def __init__(self, ledger: Ledger, sources: Sequence[Source], *, due: asyncio.Event, interval: float) -> None:
        self._ledger = ledger
        self._sources = sources
        self._due = due
        self._interval = interval
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Seals until cancelled."""
        while True:
            await self._wait()
            try:
                await self.seal()
            except (DamagedError, ForkedError) as error:
                _log.error("sealing stopped: %s", error)
                raise

    async def seal(self) -> None:
        """Seals all that was acknowledged before the call."""
        async with self._one_at_a_time:
            self._due.clear()
            await self._ledger.settle()
            waiting = [source.collect() for source in self._sources]
            while found := [sealable for each in waiting for sealable in await _next(each)]:
                await self._commit(found)

    async def _commit(self, found: Sequence[Sealable]) -> None:
        def catalogue(session: Session, first_leaf: int) -> None:
            for index, sealable in enumerate(found, first_leaf):
                sealable.catalogue(session, index)

        await self._ledger.append([sealable.entry for sealable in found], catalogue)
        for sealable in found:
            sealable.sealed()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._interval):
                await self._due.wait()
        except TimeoutError:
            return


async def _next(waiting: AsyncIterator[Sequence[Sealable]]) -> Sequence[Sealable]:
    """The next portion; nothing if there is none."""
    async for portion in waiting:
        return portion
    return ()
