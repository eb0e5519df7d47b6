"""The rules of access to retained records."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from chassis.refusal import ErrorReason, Refusal


class State(Enum):
    """Where an access stands; the last three follow from the instant and the count."""

    REQUESTED = "REQUESTED"
    OPEN = "OPEN"
    SPENT = "SPENT"
    EXPIRED = "EXPIRED"
    CLOSED = "CLOSED"


class EventKind(Enum):
    """What is registered."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    READ = "READ"
    CLOSED = "CLOSED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Scope:
    """Groups, by id, and when their records were received: from `start` up to `end`."""

    group_ids: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """A request for access and what became of it."""

    access_id: str
    case_id: str
    legal_basis: str
    purpose: str
    scope: Scope
    window: timedelta
    most_reads: int
    requester: str
    request_time: datetime
    reads: int = 0
    approver: str | None = None
    approve_time: datetime | None = None
    close_time: datetime | None = None

    @property
    def expire_time(self) -> datetime | None:
        """First instant after the window; None before approval."""
        return self.approve_time + self.window if self.approve_time else None

    def state(self, at: datetime) -> State:
        """Where the access stands at an instant."""
        if self.close_time is not None and self.close_time <= at:
            return State.CLOSED
        if self.expire_time is None:
            return State.REQUESTED
        if at >= self.expire_time:
            return State.EXPIRED
        return State.OPEN if self.reads < self.most_reads else State.SPENT


def check_window(window: timedelta, *, most_hours: int) -> None:
    """Returns if a window is not longer than the policy allows.

    Raises:
        Refusal: ACCESS_WINDOW_TOO_LONG.
    """
    if window > timedelta(hours=most_hours):
        raise Refusal.field(
            "window",
            "the window is longer than the policy pack allows",
            reason=ErrorReason.ERROR_REASON_ACCESS_WINDOW_TOO_LONG,
            satisfy=f"at most {most_hours} hours",
            most_hours=most_hours,
        )


def approve(access: Access, approver: str, at: datetime) -> Access:
    """The access, opened by a second person.

    Raises:
        Refusal: SECOND_PERSON_REQUIRED or WRONG_STATE.
    """
    if approver == access.requester:
        raise Refusal.second_person("request")
    if (state := access.state(at)) is not State.REQUESTED:
        raise Refusal.wrong_state("access", state=state.name, needs=State.REQUESTED.name)
    return replace(access, approver=approver, approve_time=at)


def read(access: Access, reader: str, scope: Scope, at: datetime) -> Access:
    """The access after one more read.

    Raises:
        Refusal: ACCESS_NOT_YOURS, ACCESS_NOT_OPEN or ACCESS_OUT_OF_SCOPE.
    """
    if reader != access.requester:
        raise Refusal(
            ErrorReason.ERROR_REASON_ACCESS_NOT_YOURS,
            "only the person who requested the access may read under it",
            satisfy="the requester's own call",
            access_id=access.access_id,
        )
    if (state := access.state(at)) is not State.OPEN:
        raise _not_open(access, state)
    _check_scope(access, scope)
    return replace(access, reads=access.reads + 1)


def check_goes_on(access: Access, at: datetime) -> None:
    """Returns if a read that was begun may go on: it ends with the window, and when the access is closed.

    Raises:
        Refusal: ACCESS_NOT_OPEN.
    """
    if (state := access.state(at)) in (State.EXPIRED, State.CLOSED):
        raise _not_open(access, state)


def close(access: Access, at: datetime) -> Access:
    """The access, closed or withdrawn.

    Raises:
        Refusal: WRONG_STATE.
    """
    if (state := access.state(at)) not in (State.REQUESTED, State.OPEN):
        raise Refusal.wrong_state("access", state=state.name, needs=f"{State.REQUESTED.name} or {State.OPEN.name}")
    return replace(access, close_time=at)


def _check_scope(access: Access, scope: Scope) -> None:
    outside = [group_id for group_id in scope.group_ids if group_id not in access.scope.group_ids]
    if outside:
        raise _out_of_scope(access, "the access does not open this group", group_id=outside[0])
    if scope.start < access.scope.start or scope.end > access.scope.end:
        raise _out_of_scope(
            access,
            "the access does not open this interval",
            start_time=access.scope.start.isoformat(),
            end_time=access.scope.end.isoformat(),
        )


def _out_of_scope(access: Access, message: str, **facts: str) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_ACCESS_OUT_OF_SCOPE,
        message,
        satisfy="groups and an interval within the approved scope",
        access_id=access.access_id,
        **facts,
    )


def _not_open(access: Access, state: State) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_ACCESS_NOT_OPEN,
        f"the access is {state.name}",
        satisfy="an approved access within its window, with reads left",
        access_id=access.access_id,
        state=state.name,
    )
