"""Tip-offs: where each stands, when it is due, and what may happen to it next."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from stdnum import damm

from chassis.refusal import Refusal


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


class Outcome(StrEnum):
    """What was decided; the contract's `TipOffOutcome`."""

    ACTION_TAKEN = "ACTION_TAKEN"
    NO_ACTION = "NO_ACTION"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    INSUFFICIENT = "INSUFFICIENT"


@dataclass(frozen=True, slots=True)
class Target:
    """What a tip-off points at: an account, a group, or with `message_id` a message in a group."""

    account_id: str = ""
    group_id: str = ""
    group_code: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class TipOff:
    """A tip-off without what anybody wrote. Where it stands follows from the instants that are set.

    Attributes:
        priority: 0 to 100; 0 until it is triaged.
        due_time: First instant at which an answer is late.
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

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.reply_time is not None:
            return State.REPLIED
        if self.decide_time is not None:
            return State.DECIDED
        return State.RECEIVED if self.triage_time is None else State.TRIAGED

    def overdue(self, at: datetime) -> bool:
        """Whether the answer came late or, at the instant, is late."""
        return (self.reply_time or at) >= self.due_time

    def escalated(self, at: datetime) -> bool:
        """Whether it is late and still without an answer."""
        return self.reply_time is None and self.overdue(at)


def reference_number(year: int, number: int) -> str:
    """What people quote, such as "2026-4821-7305-3".

    Args:
        year: Four digits.
        number: 0 to 99,999,999.
    """
    digits = f"{number:08d}"
    return f"{year}-{digits[:4]}-{digits[4:]}-{damm.calc_check_digit(f'{year}{digits}')}"


def triage(tip_off: TipOff, category: Category, priority: int, at: datetime) -> TipOff:
    """The tip-off, sorted.

    Raises:
        Refusal: WRONG_STATE.
    """
    _require(tip_off, State.RECEIVED)
    return replace(tip_off, category=category, priority=priority, triage_time=at)


def decide(tip_off: TipOff, outcome: Outcome, sanction_ids: tuple[str, ...], at: datetime) -> TipOff:
    """The tip-off, decided.

    Raises:
        Refusal: WRONG_STATE.
    """
    _require(tip_off, State.TRIAGED)
    return replace(tip_off, outcome=outcome, sanction_ids=sanction_ids, decide_time=at)


def reply(tip_off: TipOff, at: datetime) -> TipOff:
    """The tip-off, answered.

    Raises:
        Refusal: WRONG_STATE.
    """
    _require(tip_off, State.DECIDED)
    return replace(tip_off, reply_time=at)


def _require(tip_off: TipOff, state: State) -> None:
    if tip_off.state is not state:
        raise Refusal.wrong_state("tip-off", state=tip_off.state, needs=state)
