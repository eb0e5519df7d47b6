"""What it takes to appeal, to review and to decide.

An appeal is decided within its deadline or else the sanction is stayed until it is: silence helps the person
concerned. Nothing but the instants of the appeal is needed to know whether a stay holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from services.credit.sanctions.domain import Evidence, Sanction, SanctionState
from services.credit.standings.domain import Stay
from services.credit.subjects import SubjectKind


class AppealState(StrEnum):
    """Where an appeal stands."""

    FILED = "FILED"
    UNDER_REVIEW = "UNDER_REVIEW"
    INFO_REQUESTED = "INFO_REQUESTED"
    DECIDED = "DECIDED"
    INADMISSIBLE = "INADMISSIBLE"
    WITHDRAWN = "WITHDRAWN"

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of the appeal."""
        return self in (AppealState.DECIDED, AppealState.INADMISSIBLE, AppealState.WITHDRAWN)

    @property
    def reviewed(self) -> bool:
        """Whether a reviewer has the appeal and can end it."""
        return self in (AppealState.UNDER_REVIEW, AppealState.INFO_REQUESTED)


class AppealGround(StrEnum):
    """What an appeal says is wrong."""

    FACTS_WRONG = "FACTS_WRONG"
    RULE_MISAPPLIED = "RULE_MISAPPLIED"
    DISPROPORTIONATE = "DISPROPORTIONATE"
    PROCEDURE = "PROCEDURE"
    NEW_EVIDENCE = "NEW_EVIDENCE"
    IDENTITY_ERROR = "IDENTITY_ERROR"
    HARDSHIP = "HARDSHIP"


class Appellant(StrEnum):
    """Who appeals."""

    PERSON_CONCERNED = "PERSON_CONCERNED"
    REPRESENTATIVE = "REPRESENTATIVE"


class AppealOutcome(StrEnum):
    """How an appeal ended."""

    UPHELD = "UPHELD"
    OVERTURNED = "OVERTURNED"
    REMANDED = "REMANDED"
    VARIED = "VARIED"

    @property
    def takes_back(self) -> bool:
        """Whether the sanction falls."""
        return self in (AppealOutcome.OVERTURNED, AppealOutcome.REMANDED)


class Conflict(StrEnum):
    """Why a reviewer is not independent."""

    ISSUER = "ISSUER"
    APPROVER = "APPROVER"
    REPORTER = "REPORTER"
    APPELLANT = "APPELLANT"
    GROUP_MEMBER = "GROUP_MEMBER"
    GROUND = "GROUND"
    SAME_FACTS = "SAME_FACTS"
    RELIEF = "RELIEF"
    TIP_OFF = "TIP_OFF"
    HAD_IT_BEFORE = "HAD_IT_BEFORE"


@dataclass(frozen=True)
class Reviewer:
    """A member of staff, and their own account on the platform if they told of one."""

    staff_id: str
    account_id: str


@dataclass(frozen=True)
class Question:
    """What a reviewer asked, and the answer: empty and None until it is given."""

    text: str
    asked_at: datetime
    answer: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True)
class Prolongation:
    """Why the decision takes longer, and until when. It moves no stay."""

    reasons: str
    until: datetime


@dataclass(frozen=True)
class Appeal:
    """An appeal against exactly one sanction. Instants are None until they are known.

    `decided_at` is when it ended, in whatever way. `parts` says by staff id what ties somebody to the case, beside who
    proposed and who approved the sanction.
    """

    appeal_id: str
    sanction_id: str
    state: AppealState
    appellant_account_id: str
    grounds: tuple[AppealGround, ...]
    statement: str
    evidence: tuple[Evidence, ...]
    filed_at: datetime
    due: datetime
    reviewer: Reviewer | None = None
    outcome: AppealOutcome | None = None
    reasons: str = ""
    decided_at: datetime | None = None
    questions: tuple[Question, ...] = ()
    prolongation: Prolongation | None = None
    remedy_sought: str = ""
    wants_suspension: bool = False
    parts: Mapping[str, Conflict] = field(default_factory=dict)

    @property
    def stay(self) -> Stay | None:
        """When the sanction is without effect because the appeal was not decided in time; None if never."""
        if self.decided_at is not None and self.decided_at <= self.due:
            return None
        return Stay(self.due, self.decided_at)


def file(
    sanction: Sanction,
    *,
    appeal_id: str,
    appellant_account_id: str,
    grounds: tuple[AppealGround, ...],
    statement: str,
    evidence: tuple[Evidence, ...],
    at: datetime,
    remedy_sought: str = "",
    wants_suspension: bool = False,
) -> Appeal:
    """The filed appeal.

    Raises:
        Refusal: WRONG_STATE or APPEAL_WINDOW_CLOSED.
    """
    if sanction.state is not SanctionState.IN_FORCE or sanction.appeal_end is None:
        raise Refusal.wrong_state("sanction", state=sanction.state, needs=SanctionState.IN_FORCE)
    if at >= sanction.appeal_end:
        raise Refusal(
            ErrorReason.ERROR_REASON_APPEAL_WINDOW_CLOSED,
            "the time to appeal has passed",
            satisfy="an appeal before appeal_end_time",
            appeal_end_time=sanction.appeal_end.isoformat(),
        )
    return Appeal(
        appeal_id=appeal_id,
        sanction_id=sanction.sanction_id,
        state=AppealState.FILED,
        appellant_account_id=appellant_account_id,
        grounds=grounds,
        statement=statement,
        evidence=evidence,
        filed_at=at,
        due=at + timedelta(days=sanction.statement.rule.appeal_decision_days),
        remedy_sought=remedy_sought,
        wants_suspension=wants_suspension,
    )


def appellant_of(sanction: Sanction) -> Appellant:
    """Who appeals against a sanction: for a group somebody has to."""
    return Appellant.REPRESENTATIVE if sanction.subject.kind is SubjectKind.GROUP else Appellant.PERSON_CONCERNED


def already_appealed(appeal_id: str) -> Refusal:
    """The refusal of a second appeal against one sanction."""
    return Refusal(
        ErrorReason.ERROR_REASON_ALREADY_APPEALED,
        "the sanction has an appeal already",
        satisfy="one appeal a sanction",
        appeal_id=appeal_id,
    )


def not_concerned(sanction_id: str) -> Refusal:
    """The refusal of an appeal by somebody whom the sanction does not concern."""
    return Refusal.field(
        "appellant_account_id",
        "the sanction does not concern this account",
        reason=ErrorReason.ERROR_REASON_APPELLANT_NOT_CONCERNED,
        satisfy="the sanctioned account, or an owner or manager of the sanctioned group",
        sanction_id=sanction_id,
    )


def needs_reviewer(appeal: Appeal, *, at: datetime) -> bool:
    """Whether an appeal is to be given to a reviewer: nobody has it, or whoever has it is late.

    Raises:
        Refusal: WRONG_STATE, if it has ended.
    """
    if appeal.state.ended:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.FILED)
    return appeal.reviewer is None or at >= appeal.due


def conflict_of(appeal: Appeal, sanction: Sanction, reviewer: Reviewer, *, in_group: bool) -> Conflict | None:
    """Why a reviewer can not have an appeal; None if nothing ties them to the case.

    Args:
        appeal: The appeal.
        sanction: The sanction that it is against.
        reviewer: Who would take it.
        in_group: Whether the reviewer's account is a member of the group concerned.
    """
    account = reviewer.account_id
    holds = {
        Conflict.ISSUER: reviewer.staff_id == sanction.issuer,
        Conflict.APPROVER: reviewer.staff_id == sanction.approver,
        Conflict.REPORTER: bool(account) and account == sanction.reporter_account_id,
        Conflict.APPELLANT: bool(account) and account in (appeal.appellant_account_id, sanction.subject.id),
        Conflict.GROUP_MEMBER: in_group,
    }
    first = next((conflict for conflict, applies in holds.items() if applies), None)
    return first or _parts_with_reviewer(appeal).get(reviewer.staff_id)


def tie(appeal: Appeal, parts: Mapping[str, Conflict]) -> Appeal:
    """The appeal, with what is known now of who had a part in the case."""
    return replace(appeal, parts={**parts, **appeal.parts})


def nobody_independent(conflicts: Iterable[Conflict]) -> Refusal:
    """The refusal of an assignment when everybody on the roster is tied to the case."""
    return Refusal(
        ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT,
        "nobody on the roster is independent of the case",
        satisfy="a reviewer on the roster who had no part in the sanction, in what it rests on, in what else was"
        " decided on the same facts or in the tip-off, is no member of the group concerned, and did not have it before",
        conflict=",".join(sorted(set(conflicts))),
    )


def assign(appeal: Appeal, *, reviewer: Reviewer) -> Appeal:
    """The appeal, with a reviewer who has no conflict; who had it before has it no more."""
    state = AppealState.INFO_REQUESTED if appeal.state is AppealState.INFO_REQUESTED else AppealState.UNDER_REVIEW
    return replace(appeal, state=state, reviewer=reviewer, parts=_parts_with_reviewer(appeal))


def recuse(appeal: Appeal, *, reviewer: str) -> Appeal:
    """The appeal, given up by its reviewer: it waits for another.

    Raises:
        Refusal: WRONG_STATE or REVIEWER_NOT_ASSIGNED.
    """
    _need_reviewer(appeal, reviewer)
    return replace(appeal, state=AppealState.FILED, reviewer=None, parts=_parts_with_reviewer(appeal))


def ask(appeal: Appeal, *, reviewer: str, question: str, at: datetime) -> Appeal:
    """The appeal with a question to the person concerned.

    Raises:
        Refusal: WRONG_STATE or REVIEWER_NOT_ASSIGNED.
    """
    _need_reviewer(appeal, reviewer)
    if appeal.state is not AppealState.UNDER_REVIEW:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.UNDER_REVIEW)
    return replace(appeal, state=AppealState.INFO_REQUESTED, questions=(*appeal.questions, Question(question, at)))


def answer(appeal: Appeal, *, text: str, evidence: tuple[Evidence, ...], at: datetime) -> Appeal:
    """The appeal with the answer to the last question.

    Raises:
        Refusal: WRONG_STATE.
    """
    if appeal.state.ended or not appeal.questions or appeal.questions[-1].answered_at is not None:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.INFO_REQUESTED)
    answered = replace(appeal.questions[-1], answer=text, answered_at=at)
    return replace(
        appeal,
        state=AppealState.UNDER_REVIEW if appeal.reviewer else AppealState.FILED,
        questions=(*appeal.questions[:-1], answered),
        evidence=(*appeal.evidence, *evidence),
    )


def prolong(appeal: Appeal, *, reviewer: str, reasons: str, at: datetime) -> Appeal:
    """The appeal with a later date for its decision, as many days after the deadline as that had; told with reasons.

    Raises:
        Refusal: WRONG_STATE, REVIEWER_NOT_ASSIGNED or REASONS_REQUIRED.
    """
    _need_reviewer(appeal, reviewer)
    if appeal.prolongation is not None or at >= appeal.due:
        raise Refusal.wrong_state("appeal", state="PROLONGED" if appeal.prolongation else "OVERDUE", needs=appeal.state)
    _need_reasons(reasons)
    return replace(appeal, prolongation=Prolongation(reasons, appeal.due + (appeal.due - appeal.filed_at)))


def withdraw(appeal: Appeal, *, at: datetime) -> Appeal:
    """The appeal, taken back.

    Raises:
        Refusal: WRONG_STATE.
    """
    if appeal.state.ended:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.FILED)
    return replace(appeal, state=AppealState.WITHDRAWN, decided_at=at)


def dismiss(appeal: Appeal, *, reviewer: str, reasons: str, at: datetime) -> Appeal:
    """The appeal, ended as inadmissible.

    Raises:
        Refusal: WRONG_STATE, REVIEWER_NOT_ASSIGNED, REVIEWER_NOT_INDEPENDENT or REASONS_REQUIRED.
    """
    _need_reviewer(appeal, reviewer)
    _need_no_other_part(appeal, reviewer)
    _need_reasons(reasons)
    return replace(appeal, state=AppealState.INADMISSIBLE, reasons=reasons, decided_at=at)


def decide(
    appeal: Appeal, sanction: Sanction, *, reviewer: str, outcome: AppealOutcome, reasons: str, at: datetime
) -> Appeal:
    """The decided appeal.

    Raises:
        Refusal: WRONG_STATE, REVIEWER_NOT_ASSIGNED, REVIEWER_NOT_INDEPENDENT or REASONS_REQUIRED.
    """
    _need_reviewer(appeal, reviewer)
    _need_no_other_part(appeal, reviewer)
    _need_reasons(reasons)
    if sanction.state is SanctionState.OVERTURNED and outcome is AppealOutcome.UPHELD:
        raise Refusal.wrong_state("sanction", state=sanction.state, needs=SanctionState.IN_FORCE)
    return replace(appeal, state=AppealState.DECIDED, outcome=outcome, reasons=reasons, decided_at=at)


def _parts_with_reviewer(appeal: Appeal) -> dict[str, Conflict]:
    """The parts, whoever has the appeal now among those who had it."""
    had_it = {appeal.reviewer.staff_id: Conflict.HAD_IT_BEFORE} if appeal.reviewer else {}
    return {**appeal.parts, **had_it}


def _need_reviewer(appeal: Appeal, staff_id: str) -> None:
    if not appeal.state.reviewed or appeal.reviewer is None:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.UNDER_REVIEW)
    if appeal.reviewer.staff_id != staff_id:
        raise Refusal(
            ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED,
            "the appeal is assigned to another reviewer",
            satisfy="the reviewer that it is assigned to",
            appeal_id=appeal.appeal_id,
        )


def _need_no_other_part(appeal: Appeal, staff_id: str) -> None:
    """Refuses a reviewer who was given the appeal, and has had another part in the case since."""
    if staff_id in appeal.parts:
        raise Refusal(
            ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT,
            "the reviewer has another part in the case",
            satisfy="RecuseReviewer, so that somebody else gets the appeal",
            conflict=appeal.parts[staff_id],
        )


def _need_reasons(reasons: str) -> None:
    if not reasons.strip():
        raise Refusal.field(
            "reasons",
            "a decision needs its reasons",
            reason=ErrorReason.ERROR_REASON_REASONS_REQUIRED,
            satisfy="reasons for the person concerned",
            missing="reasons",
        )
