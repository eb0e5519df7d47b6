"""QualityService: hands out second looks, and keeps what they found."""

from sqlmodel import Session

from chassis import enums
from chassis.call import current_call
from chassis.db import Database, Unit
from ombud.credit.v1 import appeal_service_pb2
from ombud.credit.v1 import quality_service_pb2 as pb
from ombud.credit.v1.quality_service_pb2_grpc import QualityServiceServicer as Contract
from services.credit import wire
from services.credit.appeals import store as appeals
from services.credit.appeals.domain import Appeal, AppealOutcome, Reviewer, conflict_of, tie
from services.credit.appeals.messages import question_messages
from services.credit.appeals.parties import parts_in
from services.credit.groups_peer import GroupsPeer
from services.credit.quality import domain, store
from services.credit.quality.domain import BlindReview
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction
from services.credit.sanctions.messages import measure_messages, reasons_message

_LOOKED_AT = 100

Case = tuple[BlindReview, Appeal, Sanction]


class QualityServicer(Contract):
    """Gives reviewers decided appeals that nothing ties them to, without their outcome."""

    def __init__(self, database: Database, groups: GroupsPeer) -> None:
        self._database = database
        self._groups = groups

    async def TakeBlindReview(
        self, _request: pb.TakeBlindReviewRequest, _context: wire.Context
    ) -> pb.TakeBlindReviewResponse:
        """Gives the caller a case, the one that they have or the next one."""
        person = current_call().person
        review_id = await self._next(Reviewer(person.staff_id, person.account_id))

        def command(unit: Unit) -> pb.TakeBlindReviewResponse:
            review = store.get(unit.session, review_id) if review_id else None
            if review and review.waits(at=unit.now):
                review = domain.take(review, reviewer=person.staff_id, at=unit.now)
                store.update(unit.session, review)
                unit.audit("credit.blind_review.taken", resource_id=review.review_id)
            if review is None or not review.held_by(person.staff_id, at=unit.now):
                return pb.TakeBlindReviewResponse()
            return pb.TakeBlindReviewResponse(review=_message(_case(unit.session, review)))

        return await self._database.write(command)

    async def RecordBlindReview(
        self, request: pb.RecordBlindReviewRequest, _context: wire.Context
    ) -> pb.RecordBlindReviewResponse:
        """Keeps what the caller would have decided."""

        def command(unit: Unit) -> pb.RecordBlindReviewResponse:
            review = domain.record(
                store.get(unit.session, request.review_id),
                reviewer=unit.call.person.staff_id,
                outcome=enums.value_of(appeal_service_pb2.AppealOutcome, AppealOutcome, request.outcome),
                reasons=request.reasons,
                at=unit.now,
            )
            store.update(unit.session, review)
            unit.audit("credit.blind_review.recorded", resource_id=review.review_id)
            return pb.RecordBlindReviewResponse(record_time=wire.timestamp(review.recorded_at))

        return await self._database.write(command)

    async def _next(self, reviewer: Reviewer) -> str:
        """Id of the review that the person has, or else of the next one for them; empty if there is none."""
        at = self._database.clock.now()

        def open_cases(session: Session) -> list[Case]:
            return [_case(session, review) for review in store.unrecorded(session, _LOOKED_AT)]

        cases = await self._database.read(open_cases)
        for review, _, _ in cases:
            if review.held_by(reviewer.staff_id, at=at):
                return review.review_id
        for review, appeal, sanction in cases:
            if review.waits(at=at) and await self._independent(appeal, sanction, reviewer):
                return review.review_id
        return ""

    async def _independent(self, appeal: Appeal, sanction: Sanction, reviewer: Reviewer) -> bool:
        if conflict_of(appeal, sanction, reviewer, in_group=False) is not None:
            return False
        return not await self._groups.has_member(sanction.group_concerned, reviewer.account_id)


def _case(session: Session, review: BlindReview) -> Case:
    appeal = appeals.get(session, review.appeal_id)
    sanction = sanctions.get(session, appeal.sanction_id)
    # Who decided the tip-off was put down with the decision.
    return review, tie(appeal, parts_in(session, sanction, tip_off=())), sanction


def _message(case: Case) -> pb.BlindReview:
    review, appeal, sanction = case
    rule = sanction.statement.rule
    return pb.BlindReview(
        review_id=review.review_id,
        reasons=reasons_message(sanction.statement),
        article=rule.article,
        clause=rule.clause,
        measures=measure_messages(sanction.measures),
        points=sanction.points,
        grounds=[enums.number(appeal_service_pb2.AppealGround, ground) for ground in appeal.grounds],
        statement=appeal.statement,
        evidence=wire.evidence_messages(appeal.evidence),
        questions=question_messages(appeal.questions),
    )
