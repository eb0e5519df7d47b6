"""What it takes to appeal, to review and to decide.

An appeal is decided within its deadline or else the sanction is stayed until it is: silence helps the person
concerned. Nothing but the instants of the appeal is needed to know whether a stay holds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from services.credit.sanctions.domain import Evidence, Sanction, SanctionState
from services.credit.standings.domain import Stay


class AppealState(StrEnum):
    """Where an appeal stands."""

    FILED = "FILED"
    UNDER_REVIEW = "UNDER_REVIEW"
    DECIDED = "DECIDED"


class AppealGround(StrEnum):
    """What an appeal says is wrong."""

    FACTS_WRONG = "FACTS_WRONG"
    RULE_MISAPPLIED = "RULE_MISAPPLIED"
    DISPROPORTIONATE = "DISPROPORTIONATE"
    PROCEDURE = "PROCEDURE"
    NEW_EVIDENCE = "NEW_EVIDENCE"
    IDENTITY_ERROR = "IDENTITY_ERROR"
    HARDSHIP = "HARDSHIP"


class AppealOutcome(StrEnum):
    """How an appeal ended."""

    UPHELD = "UPHELD"
    OVERTURNED = "OVERTURNED"


class Conflict(StrEnum):
    """Why a reviewer is not independent."""

    ISSUER = "ISSUER"
    APPROVER = "APPROVER"
    REPORTER = "REPORTER"
    APPELLANT = "APPELLANT"
    GROUP_MEMBER = "GROUP_MEMBER"


@dataclass(frozen=True)
class Reviewer:
    """A member of staff, and their own account on the platform if they told of one."""

    staff_id: str
    account_id: str


@dataclass(frozen=True)
class Appeal:
    """An appeal against exactly one sanction. Instants are None until they are known."""

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
    )


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


def assign(appeal: Appeal, sanction: Sanction, *, reviewer: Reviewer, in_group: bool) -> Appeal:
    """The appeal, assigned to a reviewer; it may pass from one reviewer to another.

    Args:
        appeal: The appeal.
        sanction: The sanction that it is against.
        reviewer: Who takes it.
        in_group: Whether the reviewer's account is a member of the group concerned.

    Raises:
        Refusal: WRONG_STATE or REVIEWER_NOT_INDEPENDENT.
    """
    if appeal.state is AppealState.DECIDED:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.FILED)
    conflict = _conflict(appeal, sanction, reviewer, in_group=in_group)
    if conflict is not None:
        raise Refusal(
            ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT,
            "the reviewer is not independent of the case",
            satisfy="a reviewer who neither issued, approved nor reported it, nor is a member of the group concerned",
            conflict=conflict,
        )
    return replace(appeal, state=AppealState.UNDER_REVIEW, reviewer=reviewer)


def decide(
    appeal: Appeal, sanction: Sanction, *, reviewer: str, outcome: AppealOutcome, reasons: str, at: datetime
) -> Appeal:
    """The decided appeal.

    Raises:
        Refusal: WRONG_STATE, REVIEWER_NOT_ASSIGNED or REASONS_REQUIRED.
    """
    if appeal.state is not AppealState.UNDER_REVIEW or appeal.reviewer is None:
        raise Refusal.wrong_state("appeal", state=appeal.state, needs=AppealState.UNDER_REVIEW)
    if appeal.reviewer.staff_id != reviewer:
        raise Refusal(
            ErrorReason.ERROR_REASON_REVIEWER_NOT_ASSIGNED,
            "the appeal is assigned to another reviewer",
            satisfy="the reviewer that it is assigned to",
            appeal_id=appeal.appeal_id,
        )
    if not reasons.strip():
        raise Refusal.field(
            "reasons",
            "a decision needs its reasons",
            reason=ErrorReason.ERROR_REASON_REASONS_REQUIRED,
            satisfy="reasons for the person concerned",
            missing="reasons",
        )
    if sanction.state is SanctionState.OVERTURNED and outcome is AppealOutcome.UPHELD:
        raise Refusal.wrong_state("sanction", state=sanction.state, needs=SanctionState.IN_FORCE)
    return replace(appeal, state=AppealState.DECIDED, outcome=outcome, reasons=reasons, decided_at=at)


def _conflict(appeal: Appeal, sanction: Sanction, reviewer: Reviewer, *, in_group: bool) -> Conflict | None:
    if reviewer.staff_id == sanction.issuer:
        return Conflict.ISSUER
    if reviewer.staff_id == sanction.approver:
        return Conflict.APPROVER
    if reviewer.account_id and reviewer.account_id == sanction.reporter_account_id:
        return Conflict.REPORTER
    if reviewer.account_id and reviewer.account_id == appeal.appellant_account_id:
        return Conflict.APPELLANT
    return Conflict.GROUP_MEMBER if in_group else None
