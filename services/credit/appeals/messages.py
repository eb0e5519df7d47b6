"""Appeals as messages of the contract."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from chassis import enums
from ombud.credit.v1 import appeal_service_pb2 as pb
from services.credit import wire
from services.credit.appeals.domain import Appeal, Question, appellant_of
from services.credit.appeals.effects import effects_of
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.sanctions import store as sanctions


def question_messages(questions: Iterable[Question]) -> list[pb.AppealQuestion]:
    """What the reviewers asked, and the answers."""
    return [
        pb.AppealQuestion(
            question=question.text,
            ask_time=wire.timestamp(question.asked_at),
            answer=question.answer,
            answer_time=wire.timestamp(question.answered_at),
        )
        for question in questions
    ]


def appeal_message(session: Session, appeal: Appeal, at: datetime) -> pb.Appeal:
    """The message of an appeal at an instant, with what it took back. Names no member of staff."""
    stay = appeal.stay
    message = pb.Appeal(
        appeal_id=appeal.appeal_id,
        sanction_id=appeal.sanction_id,
        state=enums.number(pb.AppealState, appeal.state),
        grounds=[enums.number(pb.AppealGround, ground) for ground in appeal.grounds],
        statement=appeal.statement,
        evidence=wire.evidence_messages(appeal.evidence),
        file_time=wire.timestamp(appeal.filed_at),
        due_time=wire.timestamp(appeal.due),
        stayed_from_time=wire.timestamp(stay.start) if stay and stay.start <= at else None,
        outcome=enums.number(pb.AppealOutcome, appeal.outcome),
        reasons=appeal.reasons,
        decide_time=wire.timestamp(appeal.decided_at),
        questions=question_messages(appeal.questions),
        prolongation_reasons=appeal.prolongation.reasons if appeal.prolongation else "",
        prolonged_until_time=wire.timestamp(appeal.prolongation.until) if appeal.prolongation else None,
        appellant=enums.number(pb.Appellant, appellant_of(sanctions.get(session, appeal.sanction_id))),
        remedy_sought=appeal.remedy_sought,
        wants_suspension=appeal.wants_suspension,
        notify_time=wire.timestamp(letters.sent_at(session, LetterKind.APPEAL_ENDED, appeal.sanction_id)),
    )
    if appeal.outcome and appeal.outcome.takes_back:
        effects = effects_of(session, appeal)
        message.effects.overturned_sanction_ids.extend(effects.sanction_ids)
        message.effects.revoked_blacklist_entry_ids.extend(effects.blacklist_entry_ids)
        message.effects.corrected_referral_ids.extend(effects.referral_ids)
    return message
