"""What happens to records by itself."""

from datetime import UTC, datetime

from chassis.db import Database, Unit
from chassis.ids import new_id
from policies.pack import RetentionPolicy
from policies.schedule import Schedule
from services.retention.lifecycle import store
from services.retention.lifecycle.domain import DAY, ClassName, Terms, TermsKind, midnight
from services.retention.lifecycle.register import registered_terms

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Adoption:
    """Takes the terms of the policy pack in force over: once, and again when another pack's are different.

    The first ones apply to all that was ever received. Others apply forward, as those that persons set do.
    """

    def __init__(self, database: Database, schedule: Schedule) -> None:
        self._database = database
        self._schedule = schedule
        self._adopted: RetentionPolicy | None = None

    async def run(self) -> None:
        """Takes over what is new."""
        policy = self._schedule.at(self._database.clock.now()).retention
        if policy == self._adopted:
            return

        def adopt(unit: Unit) -> None:
            for name in ClassName:
                _adopt(unit, name, policy)

        await self._database.work("terms-adoption", adopt)
        self._adopted = policy


def _adopt(unit: Unit, name: ClassName, policy: RetentionPolicy) -> None:
    wanted = policy.classes[name.value.lower()]
    known = store.versions(unit.session, name)
    packs = [terms for terms in known if terms.proposer is None]
    if packs and (packs[-1].floor_days, packs[-1].ceiling_days) == (wanted.floor_days, wanted.ceiling_days):
        return
    terms = Terms(
        terms_id=new_id(),
        name=name,
        floor_days=wanted.floor_days,
        ceiling_days=wanted.ceiling_days,
        propose_time=unit.now,
        effective_time=midnight(unit.now.date() + DAY) if known else _EVER,
    )
    store.add_terms(unit.session, terms)
    registered_terms(unit, terms, TermsKind.ADOPTED)
