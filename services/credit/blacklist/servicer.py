"""BlacklistService: who is listed, until when, by which sanction; and what instances of an operator tell each other."""

from collections.abc import AsyncIterator, Sequence

from sqlmodel import Session

from chassis import enums
from chassis.db import Database, Unit
from chassis.feed import Feed
from chassis.ids import new_id
from chassis.refusal import Refusal
from ombud.common.v1.types_pb2 import FeedCheckpoint
from ombud.credit.v1 import blacklist_service_pb2 as pb
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceServicer as Contract
from services.credit import wire
from services.credit.blacklist import admitted, domain, exchange, feed, listings, store
from services.credit.blacklist.admission import admit, audit, verdicts_on
from services.credit.blacklist.domain import BlacklistEntry, Scope
from services.credit.blacklist.exchange import Exchange, ExchangeState, Listing, Revocation
from services.credit.blacklist.listings import Listings
from services.credit.blacklist.memory import BlacklistMemory
from services.credit.listing import Listing as Paging
from services.credit.subjects import Subject

_Check = pb.CheckBlacklistRequest | pb.BatchCheckBlacklistRequest


class BlacklistServicer(Contract):
    """Checks, lists, watches, exports and exchanges the blacklist; nothing adds to the own list but sanctions."""

    def __init__(self, database: Database, paging: Paging, memory: BlacklistMemory, messages: Listings) -> None:
        self._database = database
        self._paging = paging
        self._memory = memory
        self._messages = messages

    async def CheckBlacklist(
        self, request: pb.CheckBlacklistRequest, _context: wire.Context
    ) -> pb.CheckBlacklistResponse:
        """The entry that lists a subject at an instant."""
        found = await self._listed([wire.subject(request.subject)], request)
        return pb.CheckBlacklistResponse(entry=feed.entry_message(found[0]) if found else None)

    async def BatchCheckBlacklist(
        self, request: pb.BatchCheckBlacklistRequest, _context: wire.Context
    ) -> pb.BatchCheckBlacklistResponse:
        """The entries that list any of many subjects at an instant."""
        subjects = [wire.subject(subject) for subject in request.subjects]
        found = await self._listed(subjects, request)
        return pb.BatchCheckBlacklistResponse(entries=[feed.entry_message(entry) for entry in found])

    async def ListBlacklist(self, request: pb.ListBlacklistRequest, _context: wire.Context) -> pb.ListBlacklistResponse:
        """A page of the list."""
        entries, token = await self._paging.page(
            request,
            lambda session, after, size: store.page(session, after=after, size=size),
            lambda entry: entry.entry_id,
        )
        return pb.ListBlacklistResponse(entries=[feed.entry_message(entry) for entry in entries], next_page_token=token)

    async def WatchBlacklist(
        self, request: pb.WatchBlacklistRequest, _context: wire.Context
    ) -> AsyncIterator[pb.WatchBlacklistResponse]:
        """The change feed, as far as it is of the blacklist."""
        async for item in Feed(self._database).watch(request.from_revision, request.epoch):
            if isinstance(item, FeedCheckpoint):
                yield pb.WatchBlacklistResponse(checkpoint=item)
            elif item.key.startswith(feed.KEY_PREFIX):
                change = self._messages.change(item.payload)
                change.revision, change.traceparent = item.revision, item.traceparent
                yield pb.WatchBlacklistResponse(change=change)

    async def ExportBlacklist(
        self, request: pb.ExportBlacklistRequest, _context: wire.Context
    ) -> pb.ExportBlacklistResponse:
        """A page of the own entries, sealed for other instances."""
        at = self._database.clock.now()
        entries, token = await self._paging.page(
            request,
            lambda session, after, size: store.page(session, after=after, size=size, until=at),
            lambda entry: entry.entry_id,
        )
        return pb.ExportBlacklistResponse(
            origin=self._messages.instance,
            listings=[self._messages.exported(entry, at) for entry in entries],
            next_page_token=token,
        )

    async def ProposeExchange(
        self, request: pb.ProposeExchangeRequest, _context: wire.Context
    ) -> pb.ProposeExchangeResponse:
        """Keeps what another instance exported until a second person approves it."""

        def command(unit: Unit) -> pb.ProposeExchangeResponse:
            proposer = unit.call.person.staff_id
            told = self._messages.opened(request.listings, request.origin)
            exchange.check_proposal(told, origin=request.origin, own=self._messages.instance)
            verdicts = verdicts_on(unit.session, told, request.origin, unit.now)
            before = (
                admitted.get_exchange(unit.session, request.exchange_id)
                if request.exchange_id
                else Exchange(new_id(), request.origin, ExchangeState.PROPOSED, proposer, unit.now)
            )
            proposed = exchange.extend(before, verdicts, origin=request.origin, proposer=proposer)
            admitted.save_exchange(unit.session, proposed)
            messages = {listing.entry_id: listing.SerializeToString() for listing in request.listings}
            admitted.keep_proposed(unit.session, proposed.exchange_id, messages)
            audit(unit, "proposed", proposed, verdicts)
            return pb.ProposeExchangeResponse(
                exchange=listings.exchange_message(proposed), refusals=listings.refusal_messages(told, verdicts)
            )

        return await self._database.write(command)

    async def GetExchange(self, request: pb.GetExchangeRequest, _context: wire.Context) -> pb.GetExchangeResponse:
        """An exchange, as it stands."""
        found = await self._database.read(lambda session: admitted.get_exchange(session, request.exchange_id))
        return pb.GetExchangeResponse(exchange=listings.exchange_message(found))

    async def ApproveExchange(
        self, request: pb.ApproveExchangeRequest, _context: wire.Context
    ) -> pb.ApproveExchangeResponse:
        """Admits what was proposed, as far as it still holds: the first entries at once, the rest soon after."""

        def command(unit: Unit) -> pb.ApproveExchangeResponse:
            proposed = admitted.get_exchange(unit.session, request.exchange_id)
            person, parts = unit.call.person.staff_id, request.part_count or 1
            approved = exchange.approve(proposed, approver=person, parts=parts, at=unit.now)
            admitted.save_exchange(unit.session, approved)
            approved = admit(unit, approved, act="approved")
            return pb.ApproveExchangeResponse(exchange=listings.exchange_message(approved))

        return await self._database.write(command)

    async def RevokeListing(self, request: pb.RevokeListingRequest, _context: wire.Context) -> pb.RevokeListingResponse:
        """Takes an admitted entry off the list."""

        def command(unit: Unit) -> pb.RevokeListingResponse:
            revocation = Revocation(unit.now, unit.call.person.staff_id, request.reasons)
            listing = exchange.revoke_here(_admitted(unit.session, request.entry_id), revocation)
            admitted.keep_revocation(unit.session, listing, revocation)
            feed.publish_listings(unit, [listing])
            unit.audit("credit.blacklist_entry.revoked", resource_id=listing.entry_id, facts={"origin": listing.origin})
            entry = feed.entry_message(admitted.entry_of(listing, None))
            return pb.RevokeListingResponse(entry=entry)

        return await self._database.write(command)

    async def _listed(self, subjects: Sequence[Subject], request: _Check) -> list[BlacklistEntry]:
        """The entry that keeps each subject from what is asked, at the instant asked for; others are left out."""
        maybe = self._memory.may_list(subjects)
        if not maybe:
            return []
        at = wire.instant(request, "time") or self._database.clock.now()
        scope = enums.value_of(pb.BlacklistScope, Scope, request.scope or pb.BLACKLIST_SCOPE_GROUP_FUNCTIONS)

        def query(session: Session) -> list[BlacklistEntry]:
            entries = store.of_subjects(session, maybe.values())
            for entry in admitted.of_digests(session, maybe):
                if entry.subject:
                    entries.setdefault(entry.subject, []).append(entry)
            found = (domain.active(entries.get(subject, ()), at, scope) for subject in maybe.values())
            return [entry for entry in found if entry]

        return await self._database.read(query)


def _admitted(session: Session, entry_id: str) -> Listing:
    """The admitted entry by its id.

    Raises:
        Refusal: ENTRY_OF_SANCTION or NOT_FOUND.
    """
    listing = admitted.find(session, entry_id)
    if listing is not None:
        return listing
    entry = store.find(session, entry_id)
    if entry is not None:
        raise exchange.entry_of_sanction(entry.sanction_id)
    raise Refusal.not_found("entry", entry_id)
