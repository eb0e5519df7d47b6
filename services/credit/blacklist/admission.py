"""Admits what two persons decided on, so many entries in a transaction: a large exchange stops nobody else's writes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from chassis.db import Unit
from ombud.credit.v1 import blacklist_service_pb2 as pb
from services.credit.blacklist import admitted, exchange, feed, listings
from services.credit.blacklist.exchange import Exchange, Listing, Verdict
from services.credit.policies import store as policies

AT_ONCE = 5_000


def admit(unit: Unit, approved: Exchange, *, act: str) -> Exchange:
    """Admits the next entries of an approved exchange, as far as they still hold.

    Args:
        unit: The unit of work.
        approved: The exchange.
        act: What the audit record calls it: "approved" by a person, or "admitted" after that.
    """
    messages = map(pb.ExchangedListing.FromString, admitted.take_proposed(unit.session, approved.exchange_id, AT_ONCE))
    told = [listings.listing(message, approved.origin) for message in messages]
    verdicts = verdicts_on(unit.session, told, approved.origin, unit.now)
    taken = [listing for listing, verdict in zip(told, verdicts, strict=True) if verdict.admits]
    admitted.admit(unit.session, approved, taken)
    feed.publish_listings(unit, taken)
    counted = exchange.count(approved, verdicts)
    admitted.save_exchange(unit.session, counted)
    audit(unit, act, counted, verdicts)
    return counted


def admit_more(unit: Unit, exchange_id: str) -> None:
    """Goes on with an exchange of more entries than are admitted at once."""
    admit(unit, admitted.get_exchange(unit.session, exchange_id), act="admitted")


def verdicts_on(session: Session, told: Sequence[Listing], origin: str, at: datetime) -> list[Verdict]:
    """What becomes of entries of another instance at an instant."""
    days = policies.at(session, at).pack.credit.blacklist_days_most
    known = admitted.known(session, origin, [listing.entry_id for listing in told])
    return [
        exchange.verdict(listing, known.get(listing.entry_id), term_most=timedelta(days=days), at=at)
        for listing in told
    ]


def audit(unit: Unit, act: str, subject: Exchange, verdicts: Sequence[Verdict]) -> None:
    """Records what was done with some entries of an exchange."""
    unit.audit(
        f"credit.blacklist_exchange.{act}",
        resource_id=subject.exchange_id,
        facts={"origin": subject.origin, "listings": len(verdicts), "admitted": sum(each.admits for each in verdicts)},
    )
