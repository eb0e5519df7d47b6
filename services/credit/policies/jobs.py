"""Takes up the pack that the service starts with, and tells accounts what a publication entitles them to."""

from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pace import Due
from policies.pack import Pack
from services.credit.policies import store
from services.credit.policies.domain import publish
from services.credit.standings import feed
from services.credit.standings import store as standings
from services.credit.subjects import Subject, SubjectKind

_ACCOUNTS_AT_ONCE = 256


async def take_up(database: Database, pack: Pack) -> None:
    """Publishes the pack that the service starts with, if it is not the one in force.

    Accounts are told of it by `Republication`: there may be many, and the service answers meanwhile.

    Raises:
        PolicyConflictError: As `publish`.
    """

    def task(unit: Unit) -> None:
        earlier = store.published(unit.session)
        publication = publish(pack, publication_id=new_id(), earlier=earlier, at=unit.now)
        if publication is None:
            return
        store.add(unit.session, publication, pack)
        feed.publish_defaults(unit)
        unit.audit(
            "credit.policy.published",
            resource_id=publication.publication_id,
            facts={"policy": pack.id, "version": pack.version, "content_hash": pack.content_hash},
        )

    await database.work("take-up-policy", task)


class Republication:
    """Tells every account that was ever sanctioned what a publication entitles it to, a bounded number at a time.

    How far it came is stored with what it told: after a stop it goes on there. Accounts that are sanctioned meanwhile
    are told by the sanction itself, under the same policies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due = Due()

    def wake(self) -> None:
        """Says that a policy was published."""
        self._due.wake()

    async def run(self) -> None:
        """Tells until cancelled."""
        while True:
            self._due.look()
            await self.finish()
            await self._due.wait()

    async def finish(self) -> None:
        """Tells all that is to be told now."""
        while await self._database.work("republish-standings", republish):
            continue


def republish(unit: Unit) -> bool:
    """Tells the next accounts of the oldest publication that is not told; False if there is none."""
    progress = store.unfinished(unit.session)
    if progress is None:
        return False
    accounts = standings.accounts_sanctioned(unit.session, after=progress.last_account_id, size=_ACCOUNTS_AT_ONCE)
    feed.publish(unit, [Subject(SubjectKind.ACCOUNT, account_id) for account_id in accounts])
    if accounts:
        progress.last_account_id = accounts[-1]
    if len(accounts) < _ACCOUNTS_AT_ONCE:
        progress.finished_at = unit.now
    unit.session.flush()
    return True
