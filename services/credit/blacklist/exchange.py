"""Entries that come from another instance of the same operator: what is admitted, and what it would change.

Nothing here touches a ledger: conduct elsewhere counts in nobody's standing.
"""

from collections.abc import Iterable
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
class Exchange:
    """Entries of another instance, proposed by one person and admitted by another."""

    exchange_id: str
    origin: str
    state: ExchangeState
    proposer: str
    proposed_at: datetime
    approver: str = ""
    approved_at: datetime | None = None


def check_proposal(listings: Iterable[Listing], *, origin: str, own: str) -> None:
    """Refuses entries that were made here, and an entry that is told of twice.

    Raises:
        Refusal: INVALID_FIELD.
    """
    if origin == own:
        raise Refusal.field("origin", "the entries were made here", satisfy="the name of another instance")
    ids = [listing.entry_id for listing in listings]
    if len(set(ids)) < len(ids):
        raise Refusal.field("listings", "an entry is there twice", satisfy="each entry once")


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


def approve(exchange: Exchange, *, approver: str, at: datetime) -> Exchange:
    """The exchange, approved by a second person.

    Raises:
        Refusal: WRONG_STATE or SECOND_PERSON_REQUIRED.
    """
    if exchange.state is not ExchangeState.PROPOSED:
        raise Refusal.wrong_state("exchange", state=exchange.state, needs=ExchangeState.PROPOSED)
    if approver == exchange.proposer:
        raise Refusal.second_person("propose")
    return replace(exchange, state=ExchangeState.APPROVED, approver=approver, approved_at=at)


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
