"""What happens to records by itself."""

from datetime import UTC, datetime

from chassis.db import Database, Unit
from chassis.ids import new_id
from policies.pack import RetentionPolicy
from services.retention.lifecycle import store
from services.retention.lifecycle.domain import DAY, ClassName, Terms, TermsKind, midnight
from services.retention.lifecycle.register import registered_terms

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Adoption:
    """Takes the terms of the policy pack over at a start: once, and again when the pack's have changed.

    The first ones apply to all that was ever received. Others apply forward, as those that persons set do.
    """

    def __init__(self, database: Database, policy: RetentionPolicy) -> None:
        self._database = database
        self._policy = policy

    async def run(self) -> None:
        """Takes over what is new."""

        def adopt(unit: Unit) -> None:
            for name in ClassName:
                _adopt(unit, name, self._policy)

        await self._database.work("terms-adoption", adopt)


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
