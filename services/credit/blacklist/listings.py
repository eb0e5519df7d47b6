"""Entries as messages that leave for other instances and come from them."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from chassis import enums
from ombud.credit.v1 import blacklist_service_pb2 as pb
from services.credit import wire
from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.domain import BlacklistEntry
from services.credit.blacklist.exchange import Exchange, Listing, Verdict, seal_broken


class Listings:
    """Seals what leaves, and opens what comes.

    Args:
        instance: Name of this instance.
        digests: Makes digests and seals.
    """

    def __init__(self, instance: str, digests: SubjectDigests) -> None:
        self.instance = instance
        self._digests = digests

    def change(self, payload: bytes) -> pb.BlacklistChange:
        """The change in an entry of the feed, its subject known by digest alone."""
        change = pb.BlacklistChange.FromString(payload)
        if change.entry.HasField("subject"):
            change.subject_digest = self._digests.of(wire.subject(change.entry.subject))
            change.entry.ClearField("subject")
        return change

    def exported(self, entry: BlacklistEntry, at: datetime) -> pb.ExchangedListing:
        """An entry of this instance as it stands at the instant. A stayed one leaves as revoked."""
        assert entry.subject is not None  # noqa: S101 - it was made here
        stayed_at = entry.stay.start if entry.stay and entry.stay.covers(at) else None
        told = Listing(
            entry_id=entry.entry_id,
            origin=self.instance,
            digest=self._digests.of(entry.subject),
            sanction_id=entry.sanction_id,
            start=entry.start,
            end=entry.end,
            revoked_at=entry.revoked_at or stayed_at,
            exported_at=at,
            register_again=entry.register_again,
        )
        return pb.ExchangedListing(
            entry_id=told.entry_id,
            subject_digest=told.digest,
            sanction_id=told.sanction_id,
            start_time=wire.timestamp(told.start),
            end_time=wire.timestamp(told.end),
            revoke_time=wire.timestamp(told.revoked_at),
            export_time=wire.timestamp(told.exported_at),
            register_again_time=wire.timestamp(told.register_again),
            seal=self._digests.seal(told.canonical),
        )

    def opened(self, messages: Iterable[pb.ExchangedListing], origin: str) -> list[Listing]:
        """The entries in messages of another instance.

        Raises:
            Refusal: LISTING_SEAL_BROKEN.
        """
        told = []
        for index, message in enumerate(messages):
            each = listing(message, origin)
            if not self._digests.proves(each.canonical, message.seal):
                raise seal_broken(index, each.entry_id)
            told.append(each)
        return told


def listing(message: pb.ExchangedListing, origin: str) -> Listing:
    """The entry in a message of another instance."""
    start, end = wire.instant(message, "start_time"), wire.instant(message, "end_time")
    exported_at = wire.instant(message, "export_time")
    assert start is not None  # noqa: S101 - the contract requires all three
    assert end is not None  # noqa: S101 - as above
    assert exported_at is not None  # noqa: S101 - as above
    return Listing(
        entry_id=message.entry_id,
        origin=origin,
        digest=message.subject_digest,
        sanction_id=message.sanction_id,
        start=start,
        end=end,
        revoked_at=wire.instant(message, "revoke_time"),
        exported_at=exported_at,
        register_again=wire.instant(message, "register_again_time"),
    )


def exchange_message(exchange: Exchange) -> pb.BlacklistExchange:
    """The message of an exchange, with what becomes of its entries."""
    tally = exchange.tally
    return pb.BlacklistExchange(
        exchange_id=exchange.exchange_id,
        origin=exchange.origin,
        state=enums.number(pb.ExchangeState, exchange.state),
        new_count=tally.new,
        changed_count=tally.changed,
        revoked_count=tally.revoked,
        unchanged_count=tally.unchanged,
        refused_count=tally.refused,
        part_count=exchange.parts,
        waiting_count=exchange.waiting,
        propose_time=wire.timestamp(exchange.proposed_at),
        approve_time=wire.timestamp(exchange.approved_at),
    )


def refusal_messages(told: Sequence[Listing], verdicts: Sequence[Verdict]) -> list[pb.ListingRefusal]:
    """The entries that are not admitted, and why."""
    return [
        pb.ListingRefusal(entry_id=each.entry_id, cause=enums.number(pb.ListingRefusalCause, verdict))
        for each, verdict in zip(told, verdicts, strict=True)
        if not verdict.admits
    ]
