"""The rules of legal holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from services.retention.access.domain import Scope
from services.retention.lifecycle.domain import DAY, midnight
from services.retention.memberships.domain import History

MOST_REVIEW_DAYS = 366
LAPSE_DAYS = 7


class State(StrEnum):
    """Where a hold stands; the last two follow from the instant."""

    PLACED = "PLACED"
    ACTIVE = "ACTIVE"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    LAPSED = "LAPSED"


class Proposal(StrEnum):
    """What waits for a second person."""

    PLACING = "PLACING"
    RELEASE = "RELEASE"
    PROLONGING = "PROLONGING"


class EventKind(StrEnum):
    """What is registered."""

    PLACED = "PLACED"
    APPROVED = "APPROVED"
    RELEASE_PROPOSED = "RELEASE_PROPOSED"
    RELEASED = "RELEASED"
    PROLONGING_PROPOSED = "PROLONGING_PROPOSED"
    PROLONGED = "PROLONGED"
    EXPIRED = "EXPIRED"
    LAPSED = "LAPSED"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold and what became of it.

    Attributes:
        pending: What waits for a second person; None if nothing does.
        proposer: Who asked for that, or for what was approved last.
        approver: Who approved last; None before.
    """

    hold_id: str
    case_id: str
    legal_basis: str
    scope: Scope
    participant: str | None
    review_time: datetime
    place_time: datetime
    proposer: str
    pending: Proposal | None = Proposal.PLACING
    pending_review_time: datetime | None = None
    approver: str | None = None
    release_time: datetime | None = None

    def state(self, at: datetime) -> State:
        """Where the hold stands at an instant."""
        if self.release_time is not None:
            return State.RELEASED
        if at >= self.review_time:
            return State.EXPIRED
        if self.approver is not None:
            return State.ACTIVE
        return State.PLACED if at < self.place_time + LAPSE_DAYS * DAY else State.LAPSED

    def keeps(self, at: datetime) -> bool:
        """Whether the hold keeps its records at an instant: from its placing on, so that nothing is lost meanwhile."""
        return self.state(at) in (State.PLACED, State.ACTIVE)

    def covers(self, day: date) -> bool:
        """Whether records of a UTC day are among those that the hold keeps."""
        return self.scope.start < midnight(day + DAY) and midnight(day) < self.scope.end

    def groups_on(self, day: date, histories: Mapping[str, History]) -> tuple[str, ...]:
        """The groups whose records of a UTC day the hold keeps.

        A hold on a participant leaves out the groups that the participant was certainly no member of on that day.

        Args:
            day: The day.
            histories: By group id, those of the groups that `narrowed` names.
        """
        if not self.covers(day):
            return ()
        if self.participant is None:
            return self.scope.group_ids
        start, end = max(midnight(day), self.scope.start), min(midnight(day + DAY), self.scope.end)
        return tuple(
            group_id
            for group_id in self.scope.group_ids
            if not histories[group_id].rules_out(self.participant, start, end)
        )


def narrowed(holds: Iterable[Hold]) -> set[str]:
    """The groups whose memberships decide what holds keep of them."""
    return {group_id for hold in holds if hold.participant is not None for group_id in hold.scope.group_ids}


def check_review_time(review_time: datetime, at: datetime) -> None:
    """Returns if a hold may go on until then.

    Raises:
        Refusal: REVIEW_TIME_REFUSED.
    """
    latest = at + timedelta(days=MOST_REVIEW_DAYS)
    if not at < review_time <= latest:
        raise Refusal.field(
            "review_time",
            "a hold is reviewed ahead, and every year at least",
            reason=ErrorReason.ERROR_REASON_REVIEW_TIME_REFUSED,
            satisfy=f"an instant within the next {MOST_REVIEW_DAYS} days",
            latest=latest.isoformat(),
        )


def propose_release(hold: Hold, proposer: str, at: datetime) -> Hold:
    """The hold with its release pending.

    Raises:
        Refusal: WRONG_STATE.
    """
    _check_quiet(hold, at)
    return replace(hold, pending=Proposal.RELEASE, proposer=proposer)


def propose_prolonging(hold: Hold, proposer: str, review_time: datetime, at: datetime) -> Hold:
    """The hold with another review date pending.

    Raises:
        Refusal: WRONG_STATE or REVIEW_TIME_REFUSED.
    """
    _check_quiet(hold, at)
    check_review_time(review_time, at)
    return replace(hold, pending=Proposal.PROLONGING, proposer=proposer, pending_review_time=review_time)


def approve(hold: Hold, approver: str, at: datetime) -> tuple[Hold, EventKind]:
    """The hold after a second person approved what was pending, and what that was.

    Raises:
        Refusal: SECOND_PERSON_REQUIRED or WRONG_STATE.
    """
    state = hold.state(at)
    if state not in (State.PLACED, State.ACTIVE) or hold.pending is None:
        raise Refusal.wrong_state("hold", state=state.name, needs="a pending proposal")
    if approver == hold.proposer:
        raise Refusal.second_person(hold.pending.name.lower())
    approved = replace(hold, approver=approver, pending=None, pending_review_time=None)
    match hold.pending:
        case Proposal.PLACING:
            return approved, EventKind.APPROVED
        case Proposal.RELEASE:
            return replace(approved, release_time=at), EventKind.RELEASED
        case Proposal.PROLONGING:
            return replace(approved, review_time=hold.pending_review_time or hold.review_time), EventKind.PROLONGED


def _check_quiet(hold: Hold, at: datetime) -> None:
    state = hold.state(at)
    if state is not State.ACTIVE or hold.pending is not None:
        waiting = f", {hold.pending.name} pending" if hold.pending else ""
        raise Refusal.wrong_state("hold", state=state.name + waiting, needs=f"{State.ACTIVE.name}, nothing pending")
