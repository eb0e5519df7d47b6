"""AppealService: filed for the person concerned, decided by an independent reviewer."""

from datetime import datetime

from sqlmodel import Session

from chassis.call import current_call
from chassis.db import Database, Unit
from chassis.ids import new_id
from ombud.credit.v1 import appeal_service_pb2 as pb
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceServicer as Contract
from services.credit import wire
from services.credit.appeals import domain, store
from services.credit.appeals.domain import Appeal, AppealGround, AppealOutcome, Reviewer
from services.credit.appeals.effects import effects_of, take_back
from services.credit.groups_peer import GroupRole, GroupsPeer
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction
from services.credit.standings import feed
from services.credit.subjects import Subject, SubjectKind


class AppealServicer(Contract):
    """Files, assigns, decides and shows appeals."""

    def __init__(self, database: Database, groups: GroupsPeer) -> None:
        self._database = database
        self._groups = groups

    async def FileAppeal(self, request: pb.FileAppealRequest, _context: wire.Context) -> pb.FileAppealResponse:
        """Files the appeal of the account or group concerned."""
        if isinstance(answer := await self._database.recall(), pb.FileAppealResponse):
            return answer
        concerned = await self._database.read(lambda session: sanctions.get(session, request.sanction_id))
        if not await self._concerns(concerned, request.appellant_account_id):
            raise domain.not_concerned(request.sanction_id)

        def command(unit: Unit) -> pb.FileAppealResponse:
            sanction = sanctions.get(unit.session, request.sanction_id)
            for known in store.of_sanctions(unit.session, [sanction.sanction_id]):
                raise domain.already_appealed(known.appeal_id)
            appeal = domain.file(
                sanction,
                appeal_id=new_id(),
                appellant_account_id=request.appellant_account_id,
                grounds=tuple(wire.value_of(pb.AppealGround, AppealGround, number) for number in request.grounds),
                statement=request.statement,
                evidence=wire.evidence(request.evidence),
                at=unit.now,
            )
            store.add(unit.session, appeal, sanction)
            # The deadline from which silence stays the sanction travels ahead of time.
            feed.publish(unit, [sanction.subject])
            _audit(unit, "credit.appeal.filed", appeal, sanction)
            return pb.FileAppealResponse(appeal=_message(unit.session, appeal, unit.now))

        return await self._database.write(command)

    async def GetAppeal(self, request: pb.GetAppealRequest, _context: wire.Context) -> pb.GetAppealResponse:
        """An appeal."""
        at = self._database.clock.now()
        appeal = await self._database.read(lambda session: _message(session, store.get(session, request.appeal_id), at))
        return pb.GetAppealResponse(appeal=appeal)

    async def AssignReviewer(
        self, request: pb.AssignReviewerRequest, _context: wire.Context
    ) -> pb.AssignReviewerResponse:
        """Assigns the appeal to the calling reviewer, if nothing ties them to the case."""
        if isinstance(answer := await self._database.recall(), pb.AssignReviewerResponse):
            return answer
        person = current_call().person
        reviewer = Reviewer(person.staff_id, person.account_id)
        in_group = await self._in_group(request.appeal_id, reviewer)

        def command(unit: Unit) -> pb.AssignReviewerResponse:
            filed = store.get(unit.session, request.appeal_id)
            sanction = sanctions.get(unit.session, filed.sanction_id)
            appeal = domain.assign(filed, sanction, reviewer=reviewer, in_group=in_group)
            store.update(unit.session, appeal)
            _audit(unit, "credit.appeal.assigned", appeal, sanction)
            return pb.AssignReviewerResponse(appeal=_message(unit.session, appeal, unit.now))

        return await self._database.write(command)

    async def DecideAppeal(self, request: pb.DecideAppealRequest, _context: wire.Context) -> pb.DecideAppealResponse:
        """Decides the appeal, with its effects in the same transaction."""

        def command(unit: Unit) -> pb.DecideAppealResponse:
            assigned = store.get(unit.session, request.appeal_id)
            sanction = sanctions.get(unit.session, assigned.sanction_id)
            appeal = domain.decide(
                assigned,
                sanction,
                reviewer=unit.call.person.staff_id,
                outcome=wire.value_of(pb.AppealOutcome, AppealOutcome, request.outcome),
                reasons=request.reasons,
                at=unit.now,
            )
            store.update(unit.session, appeal)
            _audit(unit, "credit.appeal.decided", appeal, sanction)
            if appeal.outcome is AppealOutcome.OVERTURNED:
                take_back(unit, appeal, sanction)
            else:
                feed.publish(unit, [sanction.subject])
            return pb.DecideAppealResponse(appeal=_message(unit.session, appeal, unit.now))

        return await self._database.write(command)

    async def _concerns(self, sanction: Sanction, account_id: str) -> bool:
        if sanction.subject == Subject(SubjectKind.ACCOUNT, account_id):
            return True
        if sanction.subject.kind is SubjectKind.ACCOUNT:
            return False
        role = await self._groups.role_in(sanction.subject.id, account_id)
        return role in (GroupRole.OWNER, GroupRole.MANAGER)

    async def _in_group(self, appeal_id: str, reviewer: Reviewer) -> bool:
        def group(session: Session) -> str:
            return sanctions.get(session, store.get(session, appeal_id).sanction_id).group_concerned

        group_id = await self._database.read(group)
        if not group_id or not reviewer.account_id:
            return False
        return await self._groups.role_in(group_id, reviewer.account_id) is not None


def _audit(unit: Unit, action: str, appeal: Appeal, sanction: Sanction) -> None:
    unit.audit(
        action,
        subject=wire.subject_message(sanction.subject),
        resource_id=appeal.appeal_id,
        facts={"sanction_id": sanction.sanction_id, "outcome": appeal.outcome or ""},
    )


def _message(session: Session, appeal: Appeal, at: datetime) -> pb.Appeal:
    stay = appeal.stay
    message = pb.Appeal(
        appeal_id=appeal.appeal_id,
        sanction_id=appeal.sanction_id,
        state=wire.number(pb.AppealState, appeal.state),
        grounds=[wire.number(pb.AppealGround, ground) for ground in appeal.grounds],
        statement=appeal.statement,
        evidence=wire.evidence_messages(appeal.evidence),
        file_time=wire.timestamp(appeal.filed_at),
        due_time=wire.timestamp(appeal.due),
        stayed_from_time=wire.timestamp(stay.start) if stay and stay.start <= at else None,
        outcome=wire.number(pb.AppealOutcome, appeal.outcome),
        reasons=appeal.reasons,
        decide_time=wire.timestamp(appeal.decided_at),
    )
    if appeal.outcome is AppealOutcome.OVERTURNED:
        effects = effects_of(session, appeal)
        message.effects.overturned_sanction_ids.extend(effects.sanction_ids)
        message.effects.revoked_blacklist_entry_ids.extend(effects.blacklist_entry_ids)
        message.effects.corrected_referral_ids.extend(effects.referral_ids)
    return message
