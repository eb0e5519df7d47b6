"""The duty of a group's owner: notice, tools, time to cure, and only then a breach."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from services.groups.decisions.domain import Decision, FactKind, Restriction


class Tool(StrEnum):
    """What the platform gives an owner; the contract's `ManagementTool`."""

    REMOVE_MESSAGE = "REMOVE_MESSAGE"
    MUTE_MEMBER = "MUTE_MEMBER"
    REMOVE_MEMBER = "REMOVE_MEMBER"
    PAUSE_POSTING = "PAUSE_POSTING"
    APPROVE_JOINING = "APPROVE_JOINING"
    SET_ROLE = "SET_ROLE"


class DutyState(StrEnum):
    """How a duty stands; the contract's `DutyState`."""

    SERVED = "SERVED"
    CURED = "CURED"
    BREACHED = "BREACHED"
    EXCUSED = "EXCUSED"


@dataclass(frozen=True, slots=True)
class DutyEntry:
    """A notice and what became of it.

    Attributes:
        duty: Which duty was not met and what would cure it.
        tools: What the owner had at hand then; never empty.
        cure_end_time: First instant that is too late for a cure.
        cure_time: When the cure was recorded; None if none was.
        tools_lost_time: When a sanction took the owner's means to cure, in the time to cure; None if none did.
    """

    notice_id: str
    group_id: str
    owner_account_id: str
    duty: str
    tools: tuple[Tool, ...]
    serve_time: datetime
    cure_end_time: datetime
    cure_time: datetime | None = None
    tools_lost_time: datetime | None = None

    def state(self, at: datetime) -> DutyState:
        """How the duty stands at the instant."""
        if self.cure_time is not None:
            return DutyState.CURED
        if self.tools_lost_time is not None:
            return DutyState.EXCUSED
        return DutyState.SERVED if at < self.cure_end_time else DutyState.BREACHED


def check_tools(management: Decision) -> None:
    """Returns unless a sanction keeps the owner from managing the group.

    What owners can mend by themselves, such as an expired verification, does not excuse them.

    Args:
        management: Whether the owner may manage the group at the instant of the notice.

    Raises:
        Refusal: OWNER_WITHOUT_TOOLS.
    """
    if not management.allowed and management.fact.kind is FactKind.SANCTION:
        raise Refusal(
            ErrorReason.ERROR_REASON_OWNER_WITHOUT_TOOLS,
            "a sanction keeps the owner from managing the group",
            satisfy="a notice once the owner can act on it",
            decision=management.reason,
            sanction=management.fact.id,
        )


def check_cure_time(serve_time: datetime, cure_end_time: datetime, least: timedelta) -> None:
    """Returns if the notice leaves at least so much time.

    Raises:
        Refusal: CURE_TIME_TOO_SHORT.
    """
    if cure_end_time < serve_time + least:
        earliest = (serve_time + least).isoformat()
        raise Refusal.field(
            "cure_end_time",
            "the notice leaves too little time to cure",
            reason=ErrorReason.ERROR_REASON_CURE_TIME_TOO_SHORT,
            satisfy=f"an instant not before {earliest}",
            least_cure_end_time=earliest,
        )


def cure(entry: DutyEntry, at: datetime) -> DutyEntry:
    """The entry with its cure.

    Raises:
        Refusal: WRONG_STATE, if it was cured or excused before; CURE_TIME_OVER.
    """
    match entry.state(at):
        case DutyState.SERVED:
            return replace(entry, cure_time=at)
        case DutyState.BREACHED:
            raise Refusal(
                ErrorReason.ERROR_REASON_CURE_TIME_OVER,
                "the time to cure is over",
                satisfy="a cure before the end of the time that the notice gave",
                notice_id=entry.notice_id,
                cure_end_time=entry.cure_end_time.isoformat(),
            )
        case state:
            raise Refusal.wrong_state("notice", state=state, needs=DutyState.SERVED)


def excuse(entry: DutyEntry, restrictions: Iterable[Restriction], at: datetime) -> DutyEntry:
    """The entry, excused if one of these restrictions keeps the owner from managing within the time to cure.

    Nobody answers for what they could not do: a notice is no trap for an owner who is then suspended.

    Args:
        entry: A notice, not cured.
        restrictions: Those against the owner or the group.
        at: The instant at which they are told.
    """
    if any(_takes_tools(each, entry) for each in restrictions):
        return replace(entry, tools_lost_time=at)
    return entry


def _takes_tools(restriction: Restriction, entry: DutyEntry) -> bool:
    ends = [end for end in (restriction.end, restriction.stayed_from) if end is not None]
    return (
        restriction.bars_management
        and restriction.start < entry.cure_end_time
        and all(end > max(entry.serve_time, restriction.start) for end in ends)
    )
