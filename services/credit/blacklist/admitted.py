"""Queries of exchanges, and of the entries that they admitted."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, exists, insert
from sqlmodel import Session, col, delete, select

from chassis.refusal import Refusal
from services.credit.blacklist.domain import BlacklistEntry
from services.credit.blacklist.exchange import Exchange, ExchangeState, Listing, Revocation, Tally, entry_twice
from services.credit.blacklist.models import AdmittedListingRow, ExchangeRow, ProposedListingRow
from services.credit.subjects import Subject

_PROPOSED: Table = ProposedListingRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_ADMITTED: Table = AdmittedListingRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it


def save_exchange(session: Session, exchange: Exchange) -> None:
    """Stores an exchange, new or changed."""
    session.merge(
        ExchangeRow(
            exchange_id=exchange.exchange_id,
            origin=exchange.origin,
            state=exchange.state,
            proposer=exchange.proposer,
            proposed_at=exchange.proposed_at,
            approver=exchange.approver or None,
            approved_at=exchange.approved_at,
            parts=exchange.parts,
            listings=exchange.listings,
            admitted_new=exchange.tally.new,
            admitted_changed=exchange.tally.changed,
            admitted_revoked=exchange.tally.revoked,
            unchanged=exchange.tally.unchanged,
            refused=exchange.tally.refused,
        )
    )
    session.flush()


def get_exchange(session: Session, exchange_id: str) -> Exchange:
    """The exchange by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(ExchangeRow, exchange_id)
    if row is None:
        raise Refusal.not_found("exchange", exchange_id)
    return Exchange(
        exchange_id=row.exchange_id,
        origin=row.origin,
        state=ExchangeState(row.state),
        proposer=row.proposer,
        proposed_at=row.proposed_at,
        approver=row.approver or "",
        approved_at=row.approved_at,
        parts=row.parts,
        listings=row.listings,
        tally=Tally(row.admitted_new, row.admitted_changed, row.admitted_revoked, row.unchanged, row.refused),
    )


def keep_proposed(session: Session, exchange_id: str, messages: Mapping[str, bytes]) -> None:
    """Keeps further entries of a proposed exchange, by entry id.

    Raises:
        Refusal: INVALID_FIELD, if it has one of them already.
    """
    there = select(ProposedListingRow.entry_id).where(
        ProposedListingRow.exchange_id == exchange_id, col(ProposedListingRow.entry_id).in_(list(messages))
    )
    if session.exec(there.limit(1)).first() is not None:
        raise entry_twice()
    rows = [
        {"exchange_id": exchange_id, "entry_id": entry_id, "message": message} for entry_id, message in messages.items()
    ]
    session.connection().execute(insert(_PROPOSED), rows)


def take_proposed(session: Session, exchange_id: str, size: int) -> list[bytes]:
    """The next entries of an exchange, at most `size`, which are then no longer proposed."""
    of_exchange = col(ProposedListingRow.exchange_id) == exchange_id
    query = select(ProposedListingRow.entry_id, ProposedListingRow.message).where(of_exchange)
    rows = session.exec(query.order_by(col(ProposedListingRow.entry_id)).limit(size)).all()
    if rows:
        session.exec(delete(ProposedListingRow).where(of_exchange, col(ProposedListingRow.entry_id) <= rows[-1][0]))
    return [message for _, message in rows]


def unfinished(session: Session, _at: datetime) -> list[str]:
    """Ids of the exchanges that are approved, and of which entries still wait."""
    waiting = exists().where(col(ProposedListingRow.exchange_id) == col(ExchangeRow.exchange_id))
    query = select(ExchangeRow.exchange_id).where(ExchangeRow.state == ExchangeState.APPROVED, waiting)
    return list(session.exec(query.order_by(col(ExchangeRow.exchange_id))))


def known(session: Session, origin: str, entry_ids: Iterable[str]) -> dict[str, Listing]:
    """Those of some entries of an instance that were admitted, by entry id."""
    query = select(AdmittedListingRow).where(
        AdmittedListingRow.origin == origin, col(AdmittedListingRow.entry_id).in_(list(entry_ids))
    )
    return {row.entry_id: _listing(row) for row in session.exec(query)}


def find(session: Session, entry_id: str) -> Listing | None:
    """An admitted entry by its id; None if there is none."""
    row = session.exec(select(AdmittedListingRow).where(AdmittedListingRow.entry_id == entry_id)).first()
    return _listing(row) if row else None


def admit(session: Session, exchange: Exchange, listings: Sequence[Listing]) -> None:
    """Keeps what the origin says of its entries now."""
    query = delete(AdmittedListingRow).where(
        col(AdmittedListingRow.origin) == exchange.origin,
        col(AdmittedListingRow.entry_id).in_([listing.entry_id for listing in listings]),
    )
    session.exec(query)
    rows = [
        _values(listing) | {"exchange_id": exchange.exchange_id, "approved_at": exchange.approved_at}
        for listing in listings
    ]
    if rows:
        session.connection().execute(insert(_ADMITTED), rows)


def keep_revocation(session: Session, listing: Listing, revocation: Revocation) -> None:
    """Keeps that an entry is off the list of this instance."""
    row = session.get_one(AdmittedListingRow, (listing.entry_id, listing.origin))
    row.revoked_here_at = revocation.at
    row.revoker = revocation.revoker
    row.revoke_reasons = revocation.reasons
    session.flush()


def of_digests(session: Session, digests: Mapping[str, Subject]) -> list[BlacklistEntry]:
    """The admitted entries of some subjects, who are given by their digests."""
    query = select(AdmittedListingRow).where(col(AdmittedListingRow.subject_digest).in_(list(digests)))
    return [
        entry_of(_listing(row), digests[row.subject_digest])
        for row in session.exec(query.order_by(col(AdmittedListingRow.entry_id)))
    ]


def entry_of(listing: Listing, subject: Subject | None) -> BlacklistEntry:
    """The entry that a listing is for a subject."""
    return BlacklistEntry(
        entry_id=listing.entry_id,
        subject=subject,
        sanction_id=listing.sanction_id,
        start=listing.start,
        end=listing.end,
        revoked_at=listing.gone_at,
        register_again=listing.register_again,
        origin=listing.origin,
    )


def _values(listing: Listing) -> dict[str, Any]:
    return {
        "entry_id": listing.entry_id,
        "origin": listing.origin,
        "subject_digest": listing.digest,
        "sanction_id": listing.sanction_id,
        "start_at": listing.start,
        "end_at": listing.end,
        "revoked_at": listing.revoked_at,
        "exported_at": listing.exported_at,
        "register_again_at": listing.register_again,
        "revoker": "",
        "revoke_reasons": "",
    }


def _listing(row: AdmittedListingRow) -> Listing:
    return Listing(
        entry_id=row.entry_id,
        origin=row.origin,
        digest=row.subject_digest,
        sanction_id=row.sanction_id,
        start=row.start_at,
        end=row.end_at,
        revoked_at=row.revoked_at,
        exported_at=row.exported_at,
        register_again=row.register_again_at,
        revoked_here=Revocation(row.revoked_here_at, row.revoker, row.revoke_reasons) if row.revoked_here_at else None,
    )
