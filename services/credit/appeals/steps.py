"""A step of an appeal, with all that follows from it in the same transaction."""

from collections.abc import Callable

from chassis.db import Unit
from services.credit import wire
from services.credit.appeals import effects, store
from services.credit.appeals.domain import Appeal
from services.credit.blacklist import feed as blacklist_feed
from services.credit.notices import stays
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction
from services.credit.standings import feed

Step = Callable[[Unit, Appeal, Sanction], Appeal]


def take(unit: Unit, before: Appeal, participle: str, step: Step) -> Appeal:
    """Takes an appeal one step further; `participle` names what was done with it in the audit record."""
    sanction = sanctions.get(unit.session, before.sanction_id)
    appeal = step(unit, before, sanction)
    store.update(unit.session, appeal)
    audit(unit, participle, appeal, sanction)
    if appeal.outcome and appeal.outcome.takes_back:
        effects.take_back(unit, appeal, sanction)
    elif appeal.state.ended:
        tell(unit, sanction)
        stays.tell_end(unit, sanctions.get(unit.session, before.sanction_id))
    return appeal


def tell(unit: Unit, sanction: Sanction) -> None:
    """Tells the feed of all whom a stay of the sanction, or its end, touches."""
    touched = sanctions.subjects_touched(unit.session, sanction)
    feed.publish(unit, touched)
    blacklist_feed.publish(unit, touched)


def audit(unit: Unit, participle: str, appeal: Appeal, sanction: Sanction) -> None:
    """Records a step."""
    unit.audit(
        f"credit.appeal.{participle}",
        subject=wire.subject_message(sanction.subject),
        resource_id=appeal.appeal_id,
        facts={"sanction_id": sanction.sanction_id, "outcome": appeal.outcome or ""},
    )
