"""What an entry of the blacklist is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from policies.pack import MeasureKind
from services.credit.sanctions.domain import Sanction
from services.credit.standings.domain import Stay
from services.credit.subjects import Subject


@dataclass(frozen=True)
class BlacklistEntry:
    """An entry: on the list from `start` to `end`, because of one sanction. Revoked, it never held.

    Attributes:
        subject: Who is listed; None where only the origin knows.
        origin: The instance of the same operator that made it; empty for this one.
    """

    entry_id: str
    subject: Subject | None
    sanction_id: str
    start: datetime
    end: datetime
    revoked_at: datetime | None = None
    stay: Stay | None = None
    origin: str = ""

    def holds(self, at: datetime) -> bool:
        """Whether it lists the subject at an instant."""
        stayed = self.stay is not None and self.stay.covers(at)
        return self.revoked_at is None and self.start <= at < self.end and not stayed


def entry_of(sanction: Sanction, *, entry_id: str) -> BlacklistEntry | None:
    """The entry that a sanction makes when it enters into force; None if it has no such measure, or it has ended."""
    ends = [measure.end for measure in sanction.measures if measure.kind is MeasureKind.BLACKLISTED]
    if not ends or ends[0] is None or sanction.start is None or ends[0] <= sanction.start:
        return None
    return BlacklistEntry(entry_id, sanction.subject, sanction.sanction_id, sanction.start, ends[0])


def active(entries: Iterable[BlacklistEntry], at: datetime) -> BlacklistEntry | None:
    """The entry that holds at an instant; of several, the one that ends last."""
    return max((entry for entry in entries if entry.holds(at)), key=lambda entry: entry.end, default=None)
