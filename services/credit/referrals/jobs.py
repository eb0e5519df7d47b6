"""Destroys referrals at the end of their term."""

import asyncio

from chassis.db import Database, Unit
from services.credit import wire
from services.credit.referrals import domain, store
from services.credit.sanctions import store as sanctions

_JOB = "destroy-referral"
_EVERY_SECONDS = 1.0


class Destruction:
    """Destroys what need not be kept any longer, and leaves a certificate of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Destroys until cancelled."""
        while True:
            now = self._database.clock.now()
            due = await self._database.read(lambda session, now=now: store.due(session, now))  # type: ignore[misc]  # bound at once
            for referral_id in due:
                await self._database.work(_JOB, lambda unit, referral_id=referral_id: destroy(unit, referral_id))  # type: ignore[misc]  # bound at once
            if not due:
                # Time alone brings an end about, so that no commit has to wake this.
                await asyncio.sleep(_EVERY_SECONDS)


def destroy(unit: Unit, referral_id: str) -> None:
    """Destroys a referral whose term is over. The audit record goes to the tamper-evident log with the hash."""
    referral = store.get(unit.session, referral_id)
    certificate = domain.destroy(referral, at=unit.now)
    if certificate is None:
        return
    store.destroy(unit.session, certificate)
    unit.audit(
        "credit.referral.destroyed",
        subject=wire.subject_message(sanctions.get(unit.session, referral.sanction_id).subject),
        resource_id=referral_id,
        facts={"record_sha256": certificate.record_sha256, "kept_until": certificate.kept_until.isoformat()},
    )
