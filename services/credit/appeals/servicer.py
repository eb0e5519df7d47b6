"""AppealService: filed for the person concerned, decided by an independent reviewer whom the server chose."""

from sqlmodel import Session

from chassis import enums
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.refusal import Refusal
from ombud.credit.v1 import appeal_service_pb2 as pb
from ombud.credit.v1 import types_pb2
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceServicer as Contract
from policies.pack import MeasureKind
from services.credit import wire
from services.credit.appeals import domain, store
from services.credit.appeals.domain import Appeal, AppealGround, AppealOutcome, Reviewer
from services.credit.appeals.jobs import Assignment, give
from services.credit.appeals.messages import appeal_message
from services.credit.appeals.parties import parts_in
from services.credit.appeals.steps import Step, audit, take, tell
from services.credit.groups_peer import GroupRole, GroupsPeer
from services.credit.listing import Listing
from services.credit.notices import store as notices
from services.credit.notices.domain import LetterKind
from services.credit.quality.sampling import Sampling
from services.credit.receipts import Receipts
from services.credit.sanctions import acts, relief
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction
from services.credit.subjects import Subject, SubjectKind


class AppealServicer(Contract):
    """Files, assigns, decides and shows appeals."""

    def __init__(
        self,
        database: Database,
        listing: Listing,
        groups: GroupsPeer,
        *,
        receipts: Receipts,
        assignment: Assignment,
        sampling: Sampling,
    ) -> None:
        self._database = database
        self._listing = listing
        self._groups = groups
        self._receipts = receipts
        self._assignment = assignment
        self._sampling = sampling

    async def FileAppeal(self, request: pb.FileAppealRequest, _context: wire.Context) -> pb.FileAppealResponse:
        """Files the appeal of the account or group concerned."""
        if isinstance(answer := await self._database.recall(), pb.FileAppealResponse):
            return answer
        concerned = await self._database.read(lambda session: sanctions.get(session, request.sanction_id))
        if not await self._concerns(concerned, request.appellant_account_id):
            raise domain.not_concerned(request.sanction_id)
        response = await self._database.write(
            lambda unit: pb.FileAppealResponse(
                appeal=_filed(unit, request, request.sanction_id, request.appellant_account_id)
            )
        )
        self._assignment.wake()
        return response

    async def FileAppealByReceipt(
        self, request: pb.FileAppealByReceiptRequest, _context: wire.Context
    ) -> pb.FileAppealByReceiptResponse:
        """Files the appeal of whoever holds the receipt of the notice."""

        def command(unit: Unit) -> pb.FileAppealByReceiptResponse:
            sanction_id = self._sanction_of(request.receipt)
            subject = sanctions.get(unit.session, sanction_id).subject
            appellant = subject.id if subject.kind is SubjectKind.ACCOUNT else ""
            return pb.FileAppealByReceiptResponse(appeal=_filed(unit, request, sanction_id, appellant))

        response = await self._database.write(command)
        self._assignment.wake()
        return response

    async def GetAppeal(self, request: pb.GetAppealRequest, _context: wire.Context) -> pb.GetAppealResponse:
        """An appeal."""
        at = self._database.clock.now()
        appeal = await self._database.read(
            lambda session: appeal_message(session, store.get(session, request.appeal_id), at)
        )
        return pb.GetAppealResponse(appeal=appeal)

    async def GetAppealByReceipt(
        self, request: pb.GetAppealByReceiptRequest, _context: wire.Context
    ) -> pb.GetAppealByReceiptResponse:
        """The appeal of whoever holds the receipt."""
        sanction_id, at = self._sanction_of(request.receipt), self._database.clock.now()
        appeal = await self._database.read(
            lambda session: appeal_message(session, _of_sanction(session, sanction_id), at)
        )
        return pb.GetAppealByReceiptResponse(appeal=appeal)

    async def AnswerInfoRequest(
        self, request: pb.AnswerInfoRequestRequest, _context: wire.Context
    ) -> pb.AnswerInfoRequestResponse:
        """Keeps the answer to the reviewer's question."""

        def step(unit: Unit, appeal: Appeal, _sanction: Sanction) -> Appeal:
            return domain.answer(appeal, text=request.answer, evidence=wire.evidence(request.evidence), at=unit.now)

        return await self._database.write(
            lambda unit: pb.AnswerInfoRequestResponse(
                appeal=_taken(unit, _of_sanction(unit.session, self._sanction_of(request.receipt)), "answered", step)
            )
        )

    async def WithdrawAppeal(
        self, request: pb.WithdrawAppealRequest, _context: wire.Context
    ) -> pb.WithdrawAppealResponse:
        """Ends the appeal for whoever holds the receipt."""

        def step(unit: Unit, appeal: Appeal, sanction: Sanction) -> Appeal:
            withdrawn = domain.withdraw(appeal, at=unit.now)
            notices.write(unit, LetterKind.APPEAL_WITHDRAWN, sanction)
            return withdrawn

        return await self._database.write(
            lambda unit: pb.WithdrawAppealResponse(
                appeal=_taken(unit, _of_sanction(unit.session, self._sanction_of(request.receipt)), "withdrawn", step)
            )
        )

    async def AnnounceReadiness(
        self, request: pb.AnnounceReadinessRequest, _context: wire.Context
    ) -> pb.AnnounceReadinessResponse:
        """Puts the caller on the roster, or takes them off it."""

        def command(unit: Unit) -> pb.AnnounceReadinessResponse:
            person = unit.call.person
            reviewer = Reviewer(person.staff_id, person.account_id)
            since = store.announce(unit.session, reviewer, ready=request.ready, at=unit.now)
            unit.audit("credit.roster.changed", facts={"ready": int(request.ready)})
            return pb.AnnounceReadinessResponse(since_time=wire.timestamp(since))

        response = await self._database.write(command)
        self._assignment.wake()
        return response

    async def AssignReviewer(
        self, request: pb.AssignReviewerRequest, _context: wire.Context
    ) -> pb.AssignReviewerResponse:
        """Assigns the appeal to somebody on the roster whom nothing ties to the case."""
        if isinstance(answer := await self._database.recall(), pb.AssignReviewerResponse):
            return answer
        chosen = await self._assignment.independent(request.appeal_id)

        def command(unit: Unit) -> pb.AssignReviewerResponse:
            appeal = give(unit, request.appeal_id, chosen)
            return pb.AssignReviewerResponse(appeal=appeal_message(unit.session, appeal, unit.now))

        return await self._database.write(command)

    async def RecuseReviewer(
        self, request: pb.RecuseReviewerRequest, _context: wire.Context
    ) -> pb.RecuseReviewerResponse:
        """Takes the appeal from the calling reviewer."""

        def step(unit: Unit, appeal: Appeal, _sanction: Sanction) -> Appeal:
            return domain.recuse(appeal, reviewer=unit.call.person.staff_id)

        response = await self._database.write(
            lambda unit: pb.RecuseReviewerResponse(
                appeal=_taken(unit, store.get(unit.session, request.appeal_id), "recused", step)
            )
        )
        self._assignment.wake()
        return response

    async def RequestInfo(self, request: pb.RequestInfoRequest, _context: wire.Context) -> pb.RequestInfoResponse:
        """Asks the person concerned."""

        def step(unit: Unit, appeal: Appeal, sanction: Sanction) -> Appeal:
            asked = domain.ask(appeal, reviewer=unit.call.person.staff_id, question=request.question, at=unit.now)
            notices.write(unit, LetterKind.APPEAL_ASKED, sanction, text=request.question)
            return asked

        return await self._database.write(
            lambda unit: pb.RequestInfoResponse(
                appeal=_taken(unit, store.get(unit.session, request.appeal_id), "asked", step)
            )
        )

    async def ProlongReview(self, request: pb.ProlongReviewRequest, _context: wire.Context) -> pb.ProlongReviewResponse:
        """Tells the person concerned that the decision takes longer."""

        def step(unit: Unit, appeal: Appeal, sanction: Sanction) -> Appeal:
            prolonged = domain.prolong(appeal, reviewer=unit.call.person.staff_id, reasons=request.reasons, at=unit.now)
            notices.write(unit, LetterKind.APPEAL_PROLONGED, sanction, text=request.reasons)
            return prolonged

        return await self._database.write(
            lambda unit: pb.ProlongReviewResponse(
                appeal=_taken(unit, store.get(unit.session, request.appeal_id), "prolonged", step)
            )
        )

    async def DismissAppeal(self, request: pb.DismissAppealRequest, _context: wire.Context) -> pb.DismissAppealResponse:
        """Ends the appeal as inadmissible."""
        if isinstance(answer := await self._database.recall(), pb.DismissAppealResponse):
            return answer
        deciders = await self._deciders(request.appeal_id)

        def step(unit: Unit, appeal: Appeal, sanction: Sanction) -> Appeal:
            tied = domain.tie(appeal, parts_in(unit.session, sanction, tip_off=deciders))
            dismissed = domain.dismiss(tied, reviewer=unit.call.person.staff_id, reasons=request.reasons, at=unit.now)
            notices.write(unit, LetterKind.APPEAL_ENDED, sanction, text=request.reasons)
            return dismissed

        return await self._database.write(
            lambda unit: pb.DismissAppealResponse(
                appeal=_taken(unit, store.get(unit.session, request.appeal_id), "dismissed", step)
            )
        )

    async def DecideAppeal(self, request: pb.DecideAppealRequest, _context: wire.Context) -> pb.DecideAppealResponse:
        """Decides the appeal, with its effects in the same transaction."""
        if isinstance(answer := await self._database.recall(), pb.DecideAppealResponse):
            return answer
        deciders = await self._deciders(request.appeal_id)

        def step(unit: Unit, appeal: Appeal, sanction: Sanction) -> Appeal:
            decided = domain.decide(
                domain.tie(appeal, parts_in(unit.session, sanction, tip_off=deciders)),
                sanction,
                reviewer=unit.call.person.staff_id,
                outcome=enums.value_of(pb.AppealOutcome, AppealOutcome, request.outcome),
                reasons=request.reasons,
                at=unit.now,
            )
            _vary(unit, request, decided, sanction)
            self._sampling.draw(unit, decided, sanction)
            notices.write(unit, LetterKind.APPEAL_ENDED, sanction, text=request.reasons)
            return decided

        def command(unit: Unit) -> pb.DecideAppealResponse:
            appeal = store.get(unit.session, request.appeal_id)
            return pb.DecideAppealResponse(appeal=_taken(unit, appeal, "decided", step))

        return await self._database.write(command)

    async def ListOverdueAppeals(
        self, request: pb.ListOverdueAppealsRequest, _context: wire.Context
    ) -> pb.ListOverdueAppealsResponse:
        """A page of the appeals that nobody decided in time."""
        at = self._database.clock.now()
        appeals, token = await self._listing.page(
            request,
            lambda session, after, size: [
                appeal_message(session, appeal, at) for appeal in store.overdue(session, at=at, after=after, size=size)
            ],
            lambda appeal: appeal.appeal_id,
        )
        return pb.ListOverdueAppealsResponse(appeals=appeals, next_page_token=token)

    async def _deciders(self, appeal_id: str) -> frozenset[str]:
        """Who decided the tip-off behind an appeal: they may have done so since it was assigned."""

        def tip_off(session: Session) -> str:
            return sanctions.get(session, store.get(session, appeal_id).sanction_id).tip_off_id

        return await self._groups.deciders(await self._database.read(tip_off))

    def _sanction_of(self, receipt: str) -> str:
        sanction_id = self._receipts.sanction_id(receipt)
        if sanction_id is None:
            raise Refusal.not_found("appeal", "")
        return sanction_id

    async def _concerns(self, sanction: Sanction, account_id: str) -> bool:
        if sanction.subject == Subject(SubjectKind.ACCOUNT, account_id):
            return True
        if sanction.subject.kind is SubjectKind.ACCOUNT:
            return False
        role = await self._groups.role_in(sanction.subject.id, account_id)
        return role in (GroupRole.OWNER, GroupRole.MANAGER)


def _filed(
    unit: Unit, request: pb.FileAppealRequest | pb.FileAppealByReceiptRequest, sanction_id: str, appellant: str
) -> pb.Appeal:
    sanction = sanctions.get(unit.session, sanction_id)
    for known in store.of_sanctions(unit.session, [sanction_id]):
        raise domain.already_appealed(known.appeal_id)
    appeal = domain.file(
        sanction,
        appeal_id=new_id(),
        appellant_account_id=appellant,
        grounds=tuple(enums.value_of(pb.AppealGround, AppealGround, number) for number in request.grounds),
        statement=request.statement,
        evidence=wire.evidence(request.evidence),
        at=unit.now,
        remedy_sought=request.remedy_sought,
        wants_suspension=request.wants_suspension,
    )
    store.add(unit.session, appeal, sanction)
    # The deadline from which silence stays the sanction travels ahead of time.
    tell(unit, sanction)
    notices.write(unit, LetterKind.APPEAL_FILED, sanction)
    audit(unit, "filed", appeal, sanction)
    return appeal_message(unit.session, appeal, unit.now)


def _taken(unit: Unit, before: Appeal, participle: str, step: Step) -> pb.Appeal:
    return appeal_message(unit.session, take(unit, before, participle, step), unit.now)


def _vary(unit: Unit, request: pb.DecideAppealRequest, appeal: Appeal, sanction: Sanction) -> None:
    if (appeal.outcome is AppealOutcome.VARIED) is not bool(request.measures):
        raise Refusal.field("measures", "earlier ends belong to VARIED alone", satisfy="measures with VARIED, or none")
    if appeal.outcome is AppealOutcome.VARIED:
        person = unit.call.person
        ends = {
            enums.value_of(types_pb2.MeasureKind, MeasureKind, measure.kind): end
            for measure in request.measures
            if (end := wire.instant(measure, "end_time"))
        }
        actor = relief.Actor(person.staff_id, person.account_id, request.reasons)
        acts.vary(unit, relief.vary(sanction, actor, ends, at=unit.now), points=request.points)


def _of_sanction(session: Session, sanction_id: str) -> Appeal:
    for appeal in store.of_sanctions(session, [sanction_id]):
        return appeal
    raise Refusal.not_found("appeal", "")
