"""What remedies rest on, read for all that a transaction records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from chassis.refusal import Refusal
from ombud.credit.v1 import standing_service_pb2 as pb
from policies.pack import RemedyPolicy
from services.credit.policies import store as policies
from services.credit.sanctions import store as sanctions
from services.credit.standings import feed, store
from services.credit.standings.domain import LedgerEntry, Period
from services.credit.standings.store import Record
from services.credit.subjects import Subject


@dataclass(frozen=True)
class Ledgers:
    """What is recorded of those whom some sanctions concern, with what the transaction has added to it."""

    _at: datetime
    _periods: Sequence[Period]
    _subjects: Mapping[str, Subject]
    _records: Mapping[Subject, Record]

    @property
    def policy(self) -> RemedyPolicy:
        """What remedies win back now."""
        return self._periods[0].policy.remedies

    def subject(self, sanction_id: str) -> Subject:
        """Whom a sanction concerns.

        Raises:
            Refusal: NOT_FOUND.
        """
        subject = self._subjects.get(sanction_id)
        if subject is None:
            raise Refusal.not_found("sanction", sanction_id)
        return subject

    def entries(self, subject: Subject) -> Sequence[LedgerEntry]:
        """The ledger of one of them, oldest entries first."""
        return self._records[subject].entries

    def add(self, entry: LedgerEntry) -> None:
        """Adds an entry for the commands that come after, and for what the feed is told."""
        self._records[entry.subject].entries.append(entry)

    def told(
        self, _session: Session, _at: datetime, subjects: Sequence[Subject]
    ) -> Iterator[tuple[str, pb.StandingChange]]:
        """As `feed.told`, without reading anything again."""
        return (feed.change(subject, self._records[subject], self._at, self._periods) for subject in subjects)


def of_sanctions(session: Session, at: datetime, sanction_ids: Sequence[str]) -> Ledgers:
    """What is recorded of those whom some sanctions concern, and the policies in force at an instant and after it."""
    periods = feed.periods(policies.from_on(session, at))
    subjects = sanctions.subjects_of(session, sanction_ids)
    return Ledgers(at, periods, subjects, store.records(session, set(subjects.values())))
