"""StandingService: translates, and lets the fold answer."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlmodel import Session

from chassis import enums
from chassis.db import Database, Prepared, Unit
from chassis.db.batch import FeedEntry
from chassis.feed import Feed
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.types_pb2 import FeedCheckpoint
from ombud.credit.v1 import standing_service_pb2 as pb
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceServicer as Contract
from policies.pack import RemedyKind
from services.credit import wire
from services.credit.blacklist.feed import KEY_PREFIX as BLACKLIST_PREFIX
from services.credit.listing import Listing
from services.credit.sanctions import store as sanctions
from services.credit.standings import ledgers, remedies, store, views
from services.credit.standings.domain import PointsEntry
from services.credit.standings.ledgers import Ledgers
from services.credit.standings.remedies import Remedy
from services.credit.subjects import Subject, SubjectKind

_Timed = pb.GetStandingRequest | pb.ExplainStandingRequest | pb.WhatIfRequest


class StandingServicer(Contract):
    """Standing of accounts and groups at an instant, its reasons, its ledger, and the feed of what it entitles to."""

    def __init__(self, database: Database, listing: Listing) -> None:
        self._database = database
        self._listing = listing

    async def GetStanding(self, request: pb.GetStandingRequest, _context: wire.Context) -> pb.GetStandingResponse:
        """The standing at an instant."""
        subject, at = wire.subject(request.subject), self._instant(request)
        view = await self._database.read(lambda session: views.view(session, subject, at))
        return pb.GetStandingResponse(standing=views.standing_message(view))

    async def ExplainStanding(
        self, request: pb.ExplainStandingRequest, _context: wire.Context
    ) -> pb.ExplainStandingResponse:
        """The standing at an instant, with what counts and how it comes back."""
        subject, at = wire.subject(request.subject), self._instant(request)
        return await self._database.read(lambda session: views.explanation(session, views.view(session, subject, at)))

    async def ListLedger(self, request: pb.ListLedgerRequest, _context: wire.Context) -> pb.ListLedgerResponse:
        """A page of the ledger."""
        subject, at = wire.subject(request.subject), self._database.clock.now()
        entries, token = await self._listing.page(
            request,
            lambda session, after, size: views.page(session, subject, at, after=after, size=size),
            lambda entry: entry[0],
        )
        return pb.ListLedgerResponse(entries=[message for _, message in entries], next_page_token=token)

    async def WhatIf(self, request: pb.WhatIfRequest, _context: wire.Context) -> pb.WhatIfResponse:
        """The standing that would follow from what is supposed."""
        now, at = self._database.clock.now(), self._instant(request)
        view = await self._database.read(lambda session: _supposed(session, request, at=at, now=now))
        return pb.WhatIfResponse(standing=views.standing_message(view), steps=views.step_messages(view))

    async def RecordRemedy(self, request: pb.RecordRemedyRequest, _context: wire.Context) -> pb.RecordRemedyResponse:
        """Records the remedy, and tells the feed what the account may do again."""

        def command(unit: Unit, known: Ledgers) -> pb.RecordRemedyResponse:
            subject = known.subject(request.sanction_id)
            if subject == Subject(SubjectKind.ACCOUNT, unit.call.person.account_id):
                raise _own_account(subject)
            entry = remedies.record(
                _remedy(request, request.proof_sha256),
                known.entries(subject),
                known.policy,
                entry_id=new_id(),
                at=unit.now,
            )
            store.add(unit, entry)
            unit.tell(known.told, subject)
            unit.audit(
                "credit.remedy.recorded",
                subject=wire.subject_message(subject),
                resource_id=entry.entry_id,
                facts={"sanction_id": entry.sanction_id, "kind": entry.kind, "points": entry.points},
            )
            known.add(entry)
            return pb.RecordRemedyResponse(entry=views.entry_message(entry))

        return await self._database.write(Prepared(ledgers.of_sanctions, request.sanction_id, command))

    async def WatchStanding(
        self, request: pb.WatchStandingRequest, _context: wire.Context
    ) -> AsyncIterator[pb.WatchStandingResponse]:
        """The change feed."""
        async for item in Feed(self._database).runs(request.from_revision, request.epoch):
            if isinstance(item, FeedCheckpoint):
                yield pb.WatchStandingResponse(checkpoint=item)
                continue
            changes = [_change(entry) for entry in item if not entry.key.startswith(BLACKLIST_PREFIX)]
            if changes and request.changes_together:
                yield pb.WatchStandingResponse(changes=pb.StandingChanges(changes=changes))
                continue
            for change in changes:
                yield pb.WatchStandingResponse(change=change)

    def _instant(self, request: _Timed) -> datetime:
        return wire.instant(request, "time") or self._database.clock.now()


def _change(entry: FeedEntry) -> pb.StandingChange:
    change = pb.StandingChange.FromString(entry.payload)
    change.revision, change.traceparent = entry.revision, entry.traceparent
    return change


def _supposed(session: Session, request: pb.WhatIfRequest, *, at: datetime, now: datetime) -> views.View:
    subject = wire.subject(request.subject)
    view = views.view(session, subject, at, policy_hash=request.policy_content_hash)
    fallen = list(request.without_sanction_ids)
    for sanction in sanctions.get_all(session, request.without_sanction_ids):
        fallen += [later.sanction_id for later in sanctions.resting_on(session, sanction.sanction_id)]
    view = view.without(fallen).with_points(_points(subject, each) for each in request.points)
    for number, each in enumerate(request.remedies):
        view = view.with_remedy(_remedy(each, f"supposed {number}"), entry_id=new_id(), at=now)
    return view


def _points(subject: Subject, supposed: pb.SupposedPoints) -> PointsEntry:
    start, end = wire.instant(supposed, "start_time"), wire.instant(supposed, "end_time")
    assert start is not None  # noqa: S101 - the contract requires both
    assert end is not None  # noqa: S101 - as above
    return PointsEntry(new_id(), subject, new_id(), supposed.points, start, end, recorded_at=start)


def _remedy(message: pb.RecordRemedyRequest | pb.SupposedRemedy, proof: str) -> Remedy:
    return Remedy(enums.value_of(pb.RemedyKind, RemedyKind, message.kind), message.sanction_id, proof)


def _own_account(subject: Subject) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_OWN_ACCOUNT,
        "a person can not decide on an own account",
        satisfy="another person who holds the role",
        account_id=subject.id,
    )
