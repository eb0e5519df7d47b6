"""Takes up the configured policy pack when the service starts."""

from chassis.db import Database, Unit
from chassis.ids import new_id
from policies.pack import Pack
from services.credit.policies import store
from services.credit.policies.domain import publish
from services.credit.sanctions import store as sanctions
from services.credit.standings import feed


async def take_up(database: Database, pack: Pack) -> None:
    """Publishes the pack if it is not the one in force, and tells the feed what follows from it.

    Raises:
        PolicyConflictError: The pack is not yet effective, or its version was published with other content.
    """

    def task(unit: Unit) -> None:
        earlier = store.published(unit.session)
        publication = publish(pack, publication_id=new_id(), earlier=earlier, at=unit.now)
        if publication is None:
            return
        store.add(unit.session, publication, pack)
        feed.publish_defaults(unit, pack)
        feed.publish(unit, sanctions.subjects_in_force(unit.session))
        unit.audit(
            "credit.policy.published",
            resource_id=publication.publication_id,
            facts={"policy": pack.id, "version": pack.version, "content_hash": pack.content_hash},
        )

    await database.work("take-up-policy", task)
