"""What an entry of the blacklist is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policies.pack import MeasureKind
from services.credit.sanctions.domain import Sanction
from services.credit.standings.domain import Stay
from services.credit.subjects import Subject, SubjectKind


class Scope(StrEnum):
    """What an entry keeps its subject from; the contract's `BlacklistScope`."""

    GROUP_FUNCTIONS = "GROUP_FUNCTIONS"
    REGISTRATION = "REGISTRATION"


@dataclass(frozen=True)
class BlacklistEntry:
    """An entry: on the list from `start` to `end`, because of one sanction. Revoked, it never held.

    Attributes:
        subject: Who is listed; None where only the origin knows.
        register_again: First instant at which the holder of a listed account may have another one; None for groups.
        origin: The instance of the same operator that made it; empty for this one.
    """

    entry_id: str
    subject: Subject | None
    sanction_id: str
    start: datetime
    end: datetime
    revoked_at: datetime | None = None
    stay: Stay | None = None
    register_again: datetime | None = None
    origin: str = ""

    @property
    def over(self) -> datetime:
        """First instant from which on it keeps the subject from nothing."""
        return self.register_again or self.end

    def holds(self, at: datetime, scope: Scope = Scope.GROUP_FUNCTIONS) -> bool:
        """Whether it keeps the subject from something at an instant."""
        end = self.end if scope is Scope.GROUP_FUNCTIONS else self.register_again
        stayed = self.stay is not None and self.stay.covers(at)
        return self.revoked_at is None and end is not None and self.start <= at < end and not stayed


def entry_of(sanction: Sanction, *, entry_id: str) -> BlacklistEntry | None:
    """The entry that a sanction makes when it enters into force; None if it has no such measure, or it has ended."""
    ends = [measure.end for measure in sanction.measures if measure.kind is MeasureKind.BLACKLISTED]
    if not ends or ends[0] is None or sanction.start is None or ends[0] <= sanction.start:
        return None
    again = sanction.register_again or ends[0] if sanction.subject.kind is SubjectKind.ACCOUNT else None
    return BlacklistEntry(
        entry_id, sanction.subject, sanction.sanction_id, sanction.start, ends[0], register_again=again
    )


def active(
    entries: Iterable[BlacklistEntry], at: datetime, scope: Scope = Scope.GROUP_FUNCTIONS
) -> BlacklistEntry | None:
    """The entry that keeps its subject from something at an instant; of several, the one that is over last."""
    return max((entry for entry in entries if entry.holds(at, scope)), key=lambda entry: entry.over, default=None)
