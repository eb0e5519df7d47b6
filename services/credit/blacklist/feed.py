"""What the change feed says of the blacklist."""

from collections.abc import Iterable

from chassis.db import Unit
from ombud.credit.v1 import blacklist_service_pb2 as pb
from services.credit import wire
from services.credit.blacklist import admitted, store
from services.credit.blacklist.domain import BlacklistEntry
from services.credit.blacklist.exchange import Listing
from services.credit.subjects import Subject

KEY_PREFIX = "blacklist/"


def publish(unit: Unit, subjects: Iterable[Subject]) -> None:
    """Adds a change for each entry of the subjects that is not over: what holds of it from now on."""
    for entries in store.of_subjects(unit.session, subjects).values():
        for entry in entries:
            if unit.now < entry.over:
                _tell(unit, pb.BlacklistChange(entry=entry_message(entry)))


def publish_listings(unit: Unit, listings: Iterable[Listing]) -> None:
    """Adds a change for each admitted entry."""
    for listing in listings:
        entry = entry_message(admitted.entry_of(listing, None))
        _tell(unit, pb.BlacklistChange(entry=entry, subject_digest=listing.digest))


def entry_message(entry: BlacklistEntry) -> pb.BlacklistEntry:
    """The message of an entry."""
    stay = entry.stay if entry.stay and entry.stay.end is None else None
    return pb.BlacklistEntry(
        entry_id=entry.entry_id,
        subject=wire.subject_message(entry.subject) if entry.subject else None,
        sanction_id=entry.sanction_id,
        start_time=wire.timestamp(entry.start),
        end_time=wire.timestamp(entry.end),
        stayed_from_time=wire.timestamp(stay.start) if stay else None,
        revoke_time=wire.timestamp(entry.revoked_at),
        origin=entry.origin,
        register_again_time=wire.timestamp(entry.register_again),
    )


def _tell(unit: Unit, change: pb.BlacklistChange) -> None:
    unit.change(KEY_PREFIX + change.entry.entry_id, change)
