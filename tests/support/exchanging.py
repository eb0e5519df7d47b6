"""Another instance of the same operator, whose blacklist two persons take over."""

from datetime import timedelta

from chassis.ids import new_id
from chassis.keys import load_or_create
from ombud.credit.v1 import blacklist_service_pb2 as blacklist
from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.domain import BlacklistEntry
from services.credit.blacklist.listings import Listings
from services.credit.subjects import Subject, SubjectKind
from tests.support.life import APPROVER, MODERATOR, Life

ORIGIN = "north"


async def exchanged(life: Life) -> None:
    """An entry that the other instance exported is admitted, and then taken off the list."""
    key = load_or_create(life.outbox.parents[2] / "credit" / "keys" / "credit-blacklist.key", 32)
    now = life.clock.now()
    entry = BlacklistEntry(
        entry_id=new_id(),
        subject=Subject(SubjectKind.ACCOUNT, new_id()),
        sanction_id=new_id(),
        start=now - timedelta(days=1),
        end=now + timedelta(days=30),
    )
    listing = Listings(ORIGIN, SubjectDigests(key)).exported(entry, now)
    proposed = await life.act(MODERATOR, blacklist.ProposeExchangeRequest(origin=ORIGIN, listings=[listing]))
    await life.act(APPROVER, blacklist.GetExchangeRequest(exchange_id=proposed.exchange.exchange_id))
    await life.act(APPROVER, blacklist.ApproveExchangeRequest(exchange_id=proposed.exchange.exchange_id))
    reasons = "Somebody else was meant."
    await life.act(APPROVER, blacklist.RevokeListingRequest(entry_id=entry.entry_id, reasons=reasons))
