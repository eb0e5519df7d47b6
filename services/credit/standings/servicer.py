"""StandingService: translates, and lets the fold answer."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlmodel import Session

from chassis.db import Database
from chassis.feed import Feed
from ombud.common.v1.types_pb2 import FeedCheckpoint
from ombud.credit.v1 import standing_service_pb2 as pb
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceServicer as Contract
from services.credit import wire
from services.credit.listing import Listing
from services.credit.policies import store as policies
from services.credit.standings import domain, store
from services.credit.standings.feed import entitlements_message, policy_message, restriction_message
from services.credit.subjects import Subject, SubjectKind


class StandingServicer(Contract):
    """Standing of accounts and groups at an instant, its reasons, its ledger, and the feed of what it entitles to."""

    def __init__(self, database: Database, listing: Listing) -> None:
        self._database = database
        self._listing = listing

    async def GetStanding(self, request: pb.GetStandingRequest, _context: wire.Context) -> pb.GetStandingResponse:
        """The standing at an instant."""
        subject, at = wire.subject(request.subject), self._instant(request)
        standing = await self._database.read(lambda session: _standing(session, subject, at))
        return pb.GetStandingResponse(standing=standing)

    async def ExplainStanding(
        self, request: pb.ExplainStandingRequest, _context: wire.Context
    ) -> pb.ExplainStandingResponse:
        """The standing at an instant, with what counts and how it comes back."""
        subject, at = wire.subject(request.subject), self._instant(request)
        return await self._database.read(lambda session: _explanation(session, subject, at))

    async def ListLedger(self, request: pb.ListLedgerRequest, _context: wire.Context) -> pb.ListLedgerResponse:
        """A page of the ledger."""
        subject = wire.subject(request.subject)
        entries, token = await self._listing.page(
            request,
            lambda session, after, size: store.page(session, subject, after=after, size=size),
            lambda entry: entry.entry_id,
        )
        return pb.ListLedgerResponse(entries=[_entry_message(entry) for entry in entries], next_page_token=token)

    async def WatchStanding(
        self, request: pb.WatchStandingRequest, _context: wire.Context
    ) -> AsyncIterator[pb.WatchStandingResponse]:
        """The change feed."""
        async for item in Feed(self._database).watch(request.from_revision, request.epoch):
            if isinstance(item, FeedCheckpoint):
                yield pb.WatchStandingResponse(checkpoint=item)
            else:
                change = pb.StandingChange.FromString(item.payload)
                change.revision, change.traceparent = item.revision, item.traceparent
                yield pb.WatchStandingResponse(change=change)

    def _instant(self, request: pb.GetStandingRequest | pb.ExplainStandingRequest) -> datetime:
        return wire.instant(request, "time") or self._database.clock.now()


def _standing(session: Session, subject: Subject, at: datetime) -> pb.Standing:
    pack = policies.at(session, at).pack
    entries = store.entries(session, subject)
    stays = store.stays(session, {entry.sanction_id for entry in entries})
    steps = domain.steps(entries, stays, at)
    tier = pack.credit.tier_of(steps[0].points) if subject.kind is SubjectKind.ACCOUNT else None
    return pb.Standing(
        subject=wire.subject_message(subject),
        time=wire.timestamp(at),
        active_points=steps[0].points,
        tier=tier.name if tier else "",
        entitlements=entitlements_message(tier.entitlements) if tier else None,
        restrictions=[
            restriction_message(restriction)
            for restriction in store.restrictions(session, subject)
            if restriction.holds(at)
        ],
        next_change_time=wire.timestamp(steps[1].start) if len(steps) > 1 else None,
        policy=policy_message(pack),
    )


def _explanation(session: Session, subject: Subject, at: datetime) -> pb.ExplainStandingResponse:
    pack = policies.at(session, at).pack
    entries = store.entries(session, subject)
    stays = store.stays(session, {entry.sanction_id for entry in entries})
    named = subject.kind is SubjectKind.ACCOUNT
    return pb.ExplainStandingResponse(
        standing=_standing(session, subject, at),
        entries=[_entry_message(entry) for entry in domain.counting(entries, stays, at)],
        steps=[
            pb.StandingStep(
                start_time=wire.timestamp(step.start),
                active_points=step.points,
                tier=pack.credit.tier_of(step.points).name if named else "",
            )
            for step in domain.steps(entries, stays, at)
        ],
    )


def _entry_message(entry: domain.LedgerEntry) -> pb.LedgerEntry:
    message = pb.LedgerEntry(
        entry_id=entry.entry_id,
        subject=wire.subject_message(entry.subject),
        sanction_id=entry.sanction_id,
        record_time=wire.timestamp(entry.recorded_at),
    )
    if isinstance(entry, domain.PointsEntry):
        message.kind = pb.LEDGER_ENTRY_KIND_POINTS
        message.points = entry.points
        message.start_time.FromDatetime(entry.start)
        message.end_time.FromDatetime(entry.end)
    else:
        message.kind = pb.LEDGER_ENTRY_KIND_OVERTURN
        message.overturned_entry_id = entry.overturned_entry_id
        message.appeal_id = entry.appeal_id
    return message
