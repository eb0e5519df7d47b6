"""Tip-offs: where each stands, when it is due, and what may happen to it next."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from stdnum import damm

from chassis.refusal import ErrorReason, Refusal


class Category(StrEnum):
    """What a tip-off is about; the contract's `TipOffCategory`."""

    FRAUD = "FRAUD"
    HARASSMENT = "HARASSMENT"
    HATE_OR_VIOLENCE = "HATE_OR_VIOLENCE"
    MINORS = "MINORS"
    PRIVACY = "PRIVACY"
    ILLEGAL_GOODS = "ILLEGAL_GOODS"
    INTELLECTUAL_PROPERTY = "INTELLECTUAL_PROPERTY"
    SPAM = "SPAM"
    IMPERSONATION = "IMPERSONATION"
    SELF_HARM = "SELF_HARM"
    OTHER = "OTHER"


class State(StrEnum):
    """Where a tip-off stands; the contract's `TipOffState`."""

    RECEIVED = "RECEIVED"
    TRIAGED = "TRIAGED"
    DECIDED = "DECIDED"
    REPLIED = "REPLIED"
    CONTESTED = "CONTESTED"
    CLOSED = "CLOSED"


class Conflict(StrEnum):
    """What ties a member of staff to a tip-off."""

    CONCERNED = "CONCERNED"
    GROUP_MEMBER = "GROUP_MEMBER"
    DECIDER = "DECIDER"


class Source(StrEnum):
    """Who a tip-off came from; the contract's `TipOffSource`."""

    ANYONE = "ANYONE"
    TRUSTED_FLAGGER = "TRUSTED_FLAGGER"


class Outcome(StrEnum):
    """What was decided; the contract's `TipOffOutcome`."""

    ACTION_TAKEN = "ACTION_TAKEN"
    NO_ACTION = "NO_ACTION"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    INSUFFICIENT = "INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class Intake:
    """How many tip-offs are taken in within any span of time, about one target and in all."""

    span: timedelta
    about_one_target: int
    in_all: int


@dataclass(frozen=True, slots=True)
class Target:
    """What a tip-off points at: an account, a group, or with `message_id` a message in a group."""

    account_id: str = ""
    group_id: str = ""
    group_code: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """That the reporter contested the answer; decided and answered in one act, at `decide_time`."""

    contest_time: datetime
    due_time: datetime
    outcome: Outcome | None = None
    sanction_ids: tuple[str, ...] = ()
    decide_time: datetime | None = None
    decider: str = ""

    def overdue(self, at: datetime) -> bool:
        """Whether the answer came late or, at the instant, is late."""
        return (self.decide_time or at) >= self.due_time


@dataclass(frozen=True, slots=True)
class Staff:
    """Who acts on a tip-off.

    Attributes:
        account_id: Their own account on the platform; empty if unknown.
        in_group: Whether that account is a member of the group concerned.
    """

    account_id: str
    in_group: bool


@dataclass(frozen=True, slots=True)
class TipOff:
    """A tip-off without what anybody wrote. Where it stands follows from the instants that are set.

    Attributes:
        priority: 0 to 100; 0 until it is triaged.
        due_time: First instant at which an answer is late.
        decider: The member of staff who decided it; empty before.
        contest_end: First instant at which the answer can no longer be contested; None if it can not be at all.
    """

    tip_off_id: str
    reference_number: str
    target: Target
    category: Category
    urgent: bool
    receive_time: datetime
    due_time: datetime
    priority: int = 0
    triage_time: datetime | None = None
    outcome: Outcome | None = None
    sanction_ids: tuple[str, ...] = ()
    decide_time: datetime | None = None
    reply_time: datetime | None = None
    decider: str = ""
    contest_end: datetime | None = None
    contest: Contest | None = None
    source: Source = Source.ANYONE

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.contest is not None:
            return State.CONTESTED if self.contest.decide_time is None else State.CLOSED
        if self.reply_time is not None:
            return State.REPLIED
        if self.decide_time is not None:
            return State.DECIDED
        return State.RECEIVED if self.triage_time is None else State.TRIAGED

    @property
    def deciders(self) -> list[str]:
        """Who of the staff decided it, and the contest of its answer."""
        return [each for each in (self.decider, self.contest.decider if self.contest else "") if each]

    def overdue(self, at: datetime) -> bool:
        """Whether an answer came late or, at the instant, is late: the first one or that to the contest."""
        contest_late = self.contest is not None and self.contest.overdue(at)
        return (self.reply_time or at) >= self.due_time or contest_late

    def escalated(self, at: datetime) -> bool:
        """Whether it is late and still without an answer."""
        if self.contest is not None:
            return self.contest.decide_time is None and self.contest.overdue(at)
        return self.reply_time is None and self.overdue(at)


def source_of(roles: Iterable[str]) -> Source:
    """Who a tip-off comes from, by the proved roles of who brings it."""
    return Source.TRUSTED_FLAGGER if "trusted_flagger" in roles else Source.ANYONE


def reference_number(year: int, number: int) -> str:
    """What people quote, such as "2026-4821-7305-3".

    Args:
        year: Four digits.
        number: 0 to 99,999,999.
    """
    digits = f"{number:08d}"
    return f"{year}-{digits[:4]}-{digits[4:]}-{damm.calc_check_digit(f'{year}{digits}')}"


def check_intake(queue: str, earliest: datetime | None, *, span: timedelta, at: datetime) -> None:
    """Refuses a tip-off while as many as the bound allows have come in within the span.

    Args:
        queue: What is bounded.
        earliest: When the one came in that a further one would have to make room for; None if there is room.
        span: How long a tip-off counts.
        at: The instant.

    Raises:
        Refusal: OVERLOADED, with the time until there is room.
    """
    if earliest is not None and at < earliest + span:
        raise Refusal.overloaded(queue, retry_after=earliest + span - at)


def check_independent(tip_off: TipOff, staff: Staff) -> None:
    """Refuses who is tied to what a tip-off points at.

    Raises:
        Refusal: REVIEWER_NOT_INDEPENDENT.
    """
    if staff.account_id and staff.account_id == tip_off.target.account_id:
        raise _not_independent(Conflict.CONCERNED)
    if staff.in_group:
        raise _not_independent(Conflict.GROUP_MEMBER)


def triage(tip_off: TipOff, category: Category, priority: int, at: datetime) -> TipOff:
    """The tip-off, sorted.

    Raises:
        Refusal: WRONG_STATE.
    """
    _require(tip_off, State.RECEIVED)
    return replace(tip_off, category=category, priority=priority, triage_time=at)


def decide(tip_off: TipOff, outcome: Outcome, sanction_ids: tuple[str, ...], *, decider: str, at: datetime) -> TipOff:
    """The tip-off, decided.

    Raises:
        Refusal: WRONG_STATE.
    """
    _require(tip_off, State.TRIAGED)
    return replace(tip_off, outcome=outcome, sanction_ids=sanction_ids, decider=decider, decide_time=at)


def reply(tip_off: TipOff, *, contestable: timedelta, at: datetime) -> TipOff:
    """The tip-off, answered. If nothing was done, its reporter can contest that for so long.

    Raises:
        Refusal: WRONG_STATE.
    """
    _require(tip_off, State.DECIDED)
    contest_end = None if tip_off.outcome is Outcome.ACTION_TAKEN else at + contestable
    return replace(tip_off, reply_time=at, contest_end=contest_end)


def contest(tip_off: TipOff, *, answer_within: timedelta, at: datetime) -> TipOff:
    """The tip-off, its answer contested by the reporter.

    Raises:
        Refusal: WRONG_STATE, NOT_CONTESTABLE or CONTEST_WINDOW_CLOSED.
    """
    _require(tip_off, State.REPLIED)
    if tip_off.contest_end is None:
        raise Refusal(
            ErrorReason.ERROR_REASON_NOT_CONTESTABLE,
            "something was done about the tip-off",
            satisfy="a tip-off on which nothing was done",
            outcome=str(tip_off.outcome),
        )
    if at >= tip_off.contest_end:
        raise Refusal(
            ErrorReason.ERROR_REASON_CONTEST_WINDOW_CLOSED,
            "the time to contest the answer is over",
            satisfy="a contest before contest_end_time; what happened since can be told in a new tip-off",
            contest_end_time=tip_off.contest_end.isoformat(),
        )
    return replace(tip_off, contest=Contest(contest_time=at, due_time=at + answer_within))


def decide_contest(
    tip_off: TipOff, outcome: Outcome, sanction_ids: tuple[str, ...], *, decider: str, at: datetime
) -> TipOff:
    """The tip-off, its contest decided by another person than the one who decided first.

    Raises:
        Refusal: WRONG_STATE or REVIEWER_NOT_INDEPENDENT.
    """
    if tip_off.contest is None or tip_off.contest.decide_time is not None:
        raise Refusal.wrong_state("tip-off", state=tip_off.state, needs=State.CONTESTED)
    if decider == tip_off.decider:
        raise _not_independent(Conflict.DECIDER)
    decided = replace(tip_off.contest, outcome=outcome, sanction_ids=sanction_ids, decide_time=at, decider=decider)
    return replace(tip_off, contest=decided)


def _require(tip_off: TipOff, state: State) -> None:
    if tip_off.state is not state:
        raise Refusal.wrong_state("tip-off", state=tip_off.state, needs=state)


def _not_independent(conflict: Conflict) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT,
        "the person is tied to what is to be decided",
        satisfy="a person who did not decide the tip-off, is not concerned, and is no member of the group concerned",
        conflict=conflict,
    )
