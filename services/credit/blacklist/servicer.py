"""BlacklistService: who is listed, until when, by which sanction."""

from chassis.db import Database
from ombud.credit.v1 import blacklist_service_pb2 as pb
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceServicer as Contract
from services.credit import wire
from services.credit.blacklist import domain, store
from services.credit.blacklist.domain import BlacklistEntry
from services.credit.listing import Listing


class BlacklistServicer(Contract):
    """Checks and lists the blacklist; nothing adds to it but sanctions."""

    def __init__(self, database: Database, listing: Listing) -> None:
        self._database = database
        self._listing = listing

    async def CheckBlacklist(
        self, request: pb.CheckBlacklistRequest, _context: wire.Context
    ) -> pb.CheckBlacklistResponse:
        """The entry that lists a subject at an instant."""
        subject, at = wire.subject(request.subject), wire.instant(request, "time") or self._database.clock.now()
        entry = await self._database.read(lambda session: domain.active(store.of_subject(session, subject), at))
        return pb.CheckBlacklistResponse(entry=_message(entry) if entry else None)

    async def BatchCheckBlacklist(
        self, request: pb.BatchCheckBlacklistRequest, _context: wire.Context
    ) -> pb.BatchCheckBlacklistResponse:
        """The entries that list any of many subjects at an instant."""
        subjects = [wire.subject(subject) for subject in request.subjects]
        at = wire.instant(request, "time") or self._database.clock.now()
        listed = await self._database.read(lambda session: store.of_subjects(session, subjects))
        found = (domain.active(entries, at) for entries in listed.values())
        return pb.BatchCheckBlacklistResponse(entries=[_message(entry) for entry in found if entry])

    async def ListBlacklist(self, request: pb.ListBlacklistRequest, _context: wire.Context) -> pb.ListBlacklistResponse:
        """A page of the list."""
        entries, token = await self._listing.page(
            request,
            lambda session, after, size: store.page(session, after=after, size=size),
            lambda entry: entry.entry_id,
        )
        return pb.ListBlacklistResponse(entries=[_message(entry) for entry in entries], next_page_token=token)


def _message(entry: BlacklistEntry) -> pb.BlacklistEntry:
    return pb.BlacklistEntry(
        entry_id=entry.entry_id,
        subject=wire.subject_message(entry.subject),
        sanction_id=entry.sanction_id,
        start_time=wire.timestamp(entry.start),
        end_time=wire.timestamp(entry.end),
        stayed_from_time=wire.timestamp(entry.stay.open_from) if entry.stay else None,
        revoke_time=wire.timestamp(entry.revoked_at),
    )
