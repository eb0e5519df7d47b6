"""Runs a draft over the live ledger."""

from dataclasses import dataclass
from datetime import datetime

from chassis.db import Database
from policies.pack import Pack
from services.credit.policies import store
from services.credit.policies.simulation import Tally
from services.credit.standings import store as standings

_ACCOUNTS_AT_ONCE = 2048


@dataclass(frozen=True)
class Simulation:
    """What a draft would change at an instant, beside the pack that is in force then."""

    at: datetime
    current: Pack
    draft: Pack
    tally: Tally


async def simulate(database: Database, draft: Pack, at: datetime) -> Simulation:
    """Judges every account of the ledger by the policy in force at an instant and by a draft.

    Accounts are read a bounded number at a time, so that other readers have their turn and memory stays flat. An
    entry that is recorded meanwhile counts if its account is still to come.

    Raises:
        Refusal: POLICY_NOT_IN_FORCE.
    """
    current = (await database.read(lambda session: store.at(session, at))).pack
    tally = Tally(current.credit, draft.credit, seed=draft.content_hash)
    after, more = "", True
    while more:
        page = await database.read(
            lambda session, last=after: standings.points_until(session, at, after=last, size=_ACCOUNTS_AT_ONCE)  # type: ignore[misc]  # bound at once
        )
        for after, points in page.items():
            tally.add(after, points)
        more = len(page) == _ACCOUNTS_AT_ONCE
    return Simulation(at, current, draft, tally)
