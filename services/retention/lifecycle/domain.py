"""The rules of keeping: what a day's records fall under, when a day is due, and when the clock is believed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from policies.pack import LEAST_FLOOR_DAYS, LEAST_SPAN_DAYS

DAY = timedelta(days=1)
STEADY = DAY
MOST_STEP = DAY


class ClassName(StrEnum):
    """What a record is kept as; the policy pack has the same names in small letters."""

    CHAT = "CHAT"
    AUDIT = "AUDIT"
    REGISTER = "REGISTER"


class TermsKind(StrEnum):
    """What became of terms."""

    ADOPTED = "ADOPTED"
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a class is kept, in days, of what is received from `effective_time` on: a UTC midnight.

    Without a proposer they are the policy pack's. Without an effective time they are not approved.
    """

    terms_id: str
    name: ClassName
    floor_days: int
    ceiling_days: int
    propose_time: datetime
    proposer: str | None = None
    approver: str | None = None
    approve_time: datetime | None = None
    effective_time: datetime | None = None


def midnight(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime.combine(day, time(), UTC)


def check_terms(name: ClassName, floor_days: int, ceiling_days: int) -> None:
    """Returns if a class may be kept like that.

    The span lets a whole day end at once, its first record at the ceiling, and still leaves the last one its floor
    though the clock were a day ahead.

    Raises:
        Refusal: RETENTION_TERMS_REFUSED.
    """
    least_floor = LEAST_FLOOR_DAYS.get(name.value.lower(), 1)
    least_ceiling = floor_days + LEAST_SPAN_DAYS
    for field, days, least in (
        ("floor_days", floor_days, least_floor),
        ("ceiling_days", ceiling_days, least_ceiling),
    ):
        if days < least:
            raise Refusal.field(
                field,
                f"{field} is too short",
                reason=ErrorReason.ERROR_REASON_RETENTION_TERMS_REFUSED,
                satisfy=f"at least {least} days",
                days=days,
                least_days=least,
            )


def approve_terms(terms: Terms, approver: str, at: datetime) -> Terms:
    """Terms that a second person approved: they apply from the next UTC midnight on.

    Raises:
        Refusal: SECOND_PERSON_REQUIRED or WRONG_STATE.
    """
    if approver == terms.proposer:
        raise Refusal.second_person("proposal")
    if terms.effective_time is not None:
        raise Refusal.wrong_state("terms", state=TermsKind.APPROVED.name, needs=TermsKind.PROPOSED.name)
    return replace(terms, approver=approver, approve_time=at, effective_time=midnight(at.date() + DAY))


def terms_of(day: date, versions: Iterable[Terms]) -> Terms | None:
    """The terms that the records of a day fall under, of all versions of a class in the order of their approval."""
    found = None
    for terms in versions:
        if terms.effective_time is not None and terms.effective_time <= midnight(day):
            found = terms
    return found


def next_change(day: date, versions: Iterable[Terms]) -> datetime | None:
    """The first instant after a day from which on other terms apply; None if there are none."""
    times = (terms.effective_time for terms in versions)
    return min((time for time in times if time is not None and time > midnight(day)), default=None)


def due_time(day: date, terms: Terms) -> datetime:
    """When a day's records are destroyed: its first record is at its ceiling then, its last one beyond its floor."""
    return midnight(day) + terms.ceiling_days * DAY


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known of the clock: what it showed last, and since when it has gone on without a jump."""

    time: datetime
    steady_since: datetime

    @property
    def believed(self) -> bool:
        """Whether anything may be destroyed on the clock's word."""
        return self.time - self.steady_since >= STEADY


def observe(before: Pulse | None, now: datetime) -> Pulse:
    """What is known of the clock after a look at it.

    A clock that went back, or on by more than a night without service explains, is not believed until it has gone on
    steadily for a day, however right it may be: destroying a day late can be made good, destroying early can not.
    """
    if before is None or not timedelta(0) <= now - before.time <= MOST_STEP:
        return Pulse(now, now)
    return replace(before, time=now)
