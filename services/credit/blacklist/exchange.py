"""Entries that come from another instance of the same operator: what is admitted, and what it would change.

Nothing here touches a ledger: conduct elsewhere counts in nobody's standing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal


class ExchangeState(StrEnum):
    """Where an exchange stands."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"


class Verdict(StrEnum):
    """What becomes of a proposed entry. The last four are refusals."""

    NEW = "NEW"
    CHANGED = "CHANGED"
    REVOKED = "REVOKED"
    UNCHANGED = "UNCHANGED"
    ENDED = "ENDED"
    TERM_TOO_LONG = "TERM_TOO_LONG"
    SUPERSEDED = "SUPERSEDED"
    REVOKED_HERE = "REVOKED_HERE"

    @property
    def admits(self) -> bool:
        """Whether the entry is admitted."""
        return self in (Verdict.NEW, Verdict.CHANGED, Verdict.REVOKED, Verdict.UNCHANGED)


@dataclass(frozen=True)
class Revocation:
    """That a person of this instance took an admitted entry off its list."""

    at: datetime
    revoker: str
    reasons: str


@dataclass(frozen=True)
class Listing:
    """An entry as its origin told of it.

    Attributes:
        entry_id: The same in every instance.
        origin: The instance that made it.
        digest: Keyed digest of the subject, 32 hexadecimal digits.
        sanction_id: The sanction at the origin.
        start: First instant on the list.
        end: First instant no longer on it.
        revoked_at: When the origin revoked or stayed it.
        exported_at: When the origin said all this.
        register_again: When the holder of a listed account may have another one; None for a group.
        revoked_here: That this instance does not list it any more.
    """

    entry_id: str
    origin: str
    digest: str
    sanction_id: str
    start: datetime
    end: datetime
    revoked_at: datetime | None
    exported_at: datetime
    register_again: datetime | None = None
    revoked_here: Revocation | None = None

    @property
    def gone_at(self) -> datetime | None:
        """When it was revoked, at the origin or here."""
        return self.revoked_here.at if self.revoked_here else self.revoked_at

    @property
    def over(self) -> datetime:
        """First instant from which on it keeps the subject from nothing."""
        return self.register_again or self.end

    @property
    def canonical(self) -> bytes:
        """What the origin said, in one form for all instances: what is sealed."""
        instants = (self.start, self.end, self.register_again, self.revoked_at, self.exported_at)
        told = [at.isoformat(timespec="microseconds") if at else "" for at in instants]
        return "\n".join([self.origin, self.entry_id, self.digest, self.sanction_id, *told]).encode()


@dataclass(frozen=True)
class Tally:
    """How many entries would be admitted or were, by what is new about them, and how many not."""

    new: int = 0
    changed: int = 0
    revoked: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.new + self.changed + self.revoked + self.unchanged + self.refused

    def counting(self, verdicts: Sequence[Verdict]) -> "Tally":
        """The tally with further entries."""
        return Tally(
            new=self.new + verdicts.count(Verdict.NEW),
            changed=self.changed + verdicts.count(Verdict.CHANGED),
            revoked=self.revoked + verdicts.count(Verdict.REVOKED),
            unchanged=self.unchanged + verdicts.count(Verdict.UNCHANGED),
            refused=self.refused + sum(not verdict.admits for verdict in verdicts),
        )


@dataclass(frozen=True)
class Exchange:
    """Entries of another instance, proposed by one person and admitted by another.

    Attributes:
        parts: In how many calls they were proposed.
        listings: How many they are.
        tally: While it is PROPOSED what would become of them, by the day of their part; then what became of those that
            were looked at again.
    """

    exchange_id: str
    origin: str
    state: ExchangeState
    proposer: str
    proposed_at: datetime
    approver: str = ""
    approved_at: datetime | None = None
    parts: int = 0
    listings: int = 0
    tally: Tally = Tally()

    @property
    def waiting(self) -> int:
        """How many of its entries are approved, and not looked at again yet."""
        return self.listings - self.tally.total if self.state is ExchangeState.APPROVED else 0


def check_proposal(listings: Iterable[Listing], *, origin: str, own: str) -> None:
    """Refuses entries that were made here, and an entry that is told of twice.

    Raises:
        Refusal: INVALID_FIELD.
    """
    if origin == own:
        raise Refusal.field("origin", "the entries were made here", satisfy="the name of another instance")
    ids = [listing.entry_id for listing in listings]
    if len(set(ids)) < len(ids):
        raise entry_twice()


def seal_broken(index: int, entry_id: str) -> Refusal:
    """The refusal of an entry whose seal does not fit."""
    return Refusal.field(
        f"listings[{index}].seal",
        "the entry was altered, or is of another operator",
        reason=ErrorReason.ERROR_REASON_LISTING_SEAL_BROKEN,
        satisfy="entries as an instance with the same key and the name given as origin exported them",
        entry_id=entry_id,
    )


def verdict(listing: Listing, known: Listing | None, *, term_most: timedelta, at: datetime) -> Verdict:
    """What becomes of an entry.

    Args:
        listing: The entry.
        known: The same entry as this instance has it; None if it has not.
        term_most: The longest term that the policy allows.
        at: The instant.
    """
    refused = {
        Verdict.REVOKED_HERE: known is not None and known.revoked_here is not None,
        Verdict.SUPERSEDED: known is not None and listing.exported_at < known.exported_at,
        Verdict.ENDED: listing.over <= at,
        Verdict.TERM_TOO_LONG: listing.over - listing.start > term_most,
    }
    if refusal := next((cause for cause, holds in refused.items() if holds), None):
        return refusal
    if known is not None and replace(listing, exported_at=known.exported_at) == known:
        return Verdict.UNCHANGED
    if listing.revoked_at is not None:
        return Verdict.REVOKED
    return Verdict.NEW if known is None else Verdict.CHANGED


def extend(exchange: Exchange, verdicts: Sequence[Verdict], *, origin: str, proposer: str) -> Exchange:
    """The exchange with a further part.

    Args:
        exchange: The exchange.
        verdicts: What would become of the entries of the part.
        origin: The instance that they are of.
        proposer: Who proposes them.

    Raises:
        Refusal: WRONG_STATE, PROPOSAL_NOT_YOURS or INVALID_FIELD.
    """
    _need_proposed(exchange)
    if proposer != exchange.proposer:
        raise Refusal(
            ErrorReason.ERROR_REASON_PROPOSAL_NOT_YOURS,
            "somebody else proposed the exchange",
            satisfy="the person who proposed it, or an exchange of one's own",
            exchange_id=exchange.exchange_id,
        )
    if origin != exchange.origin:
        raise Refusal.field("origin", "the exchange is of another instance", satisfy=exchange.origin)
    return replace(
        exchange,
        parts=exchange.parts + 1,
        listings=exchange.listings + len(verdicts),
        tally=exchange.tally.counting(verdicts),
    )


def approve(exchange: Exchange, *, approver: str, parts: int, at: datetime) -> Exchange:
    """The exchange, approved by a second person who has seen so many parts of it.

    Raises:
        Refusal: WRONG_STATE, SECOND_PERSON_REQUIRED or INVALID_FIELD.
    """
    _need_proposed(exchange)
    if approver == exchange.proposer:
        raise Refusal.second_person("propose")
    if parts != exchange.parts:
        raise Refusal.field(
            "part_count", "the exchange has another number of parts", satisfy=f"{exchange.parts}, once they were seen"
        )
    return replace(exchange, state=ExchangeState.APPROVED, approver=approver, approved_at=at, tally=Tally())


def count(exchange: Exchange, verdicts: Sequence[Verdict]) -> Exchange:
    """The approved exchange, with what became of further entries of it."""
    return replace(exchange, tally=exchange.tally.counting(verdicts))


def _need_proposed(exchange: Exchange) -> None:
    if exchange.state is not ExchangeState.PROPOSED:
        raise Refusal.wrong_state("exchange", state=exchange.state, needs=ExchangeState.PROPOSED)


def entry_twice() -> Refusal:
    """The refusal of an entry that an exchange has already."""
    return Refusal.field("listings", "an entry is there twice", satisfy="each entry once")


def revoke_here(listing: Listing, revocation: Revocation) -> Listing:
    """The entry, off the list of this instance for good.

    Raises:
        Refusal: WRONG_STATE or REASONS_REQUIRED.
    """
    if listing.gone_at is not None:
        raise Refusal.wrong_state("entry", state="REVOKED", needs="LISTED")
    if not revocation.reasons.strip():
        raise Refusal.field(
            "reasons",
            "a decision needs its reasons",
            reason=ErrorReason.ERROR_REASON_REASONS_REQUIRED,
            satisfy="why the entry goes",
            missing="reasons",
        )
    return replace(listing, revoked_here=revocation)


def entry_of_sanction(sanction_id: str) -> Refusal:
    """The refusal to take an entry off the list and leave the sanction that made it."""
    return Refusal(
        ErrorReason.ERROR_REASON_ENTRY_OF_SANCTION,
        "the entry was made by a sanction of this instance",
        satisfy="LiftSanction of that sanction, or an appeal against it: its entry goes with it",
        sanction_id=sanction_id,
    )
