"""Erases what came with verifications that nobody went on with, once their time has run out."""

import asyncio

from chassis.db import Database
from services.identity.verifications import store
from services.identity.verifications.commands import VerificationCommands

_JOB = "expire-verifications"
_EVERY = 60.0


class Expiries:
    """Looks for verifications whose time has run out, and records that.

    Args:
        database: The service's.
        commands: What happens to them.
    """

    def __init__(self, database: Database, commands: VerificationCommands) -> None:
        self._database = database
        self._commands = commands

    async def run(self) -> None:
        """Looks every minute until cancelled."""
        while True:
            now = self._database.clock.now()
            while await self._database.read(lambda session, now=now: store.expired(session, now)):  # type: ignore[misc]  # bound at once
                await self._database.work(_JOB, self._commands.expire)
            await asyncio.sleep(_EVERY)
