"""What remedies rest on, read for all that a transaction records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from chassis.refusal import Refusal
from policies.pack import RemedyPolicy
from services.credit.policies import store as policies
from services.credit.sanctions import store as sanctions
from services.credit.standings import store
from services.credit.standings.domain import LedgerEntry
from services.credit.subjects import Subject


@dataclass(frozen=True)
class Ledgers:
    """The ledgers of those whom some sanctions concern, with what the transaction has added to them.

    Attributes:
        policy: What remedies win back.
    """

    policy: RemedyPolicy
    _subjects: Mapping[str, Subject]
    _entries: Mapping[Subject, list[LedgerEntry]]

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
        return self._entries[subject]

    def add(self, entry: LedgerEntry) -> None:
        """Adds an entry for the commands that come after."""
        self._entries[entry.subject].append(entry)


def of_sanctions(session: Session, at: datetime, sanction_ids: Sequence[str]) -> Ledgers:
    """The ledgers that some sanctions have entries in, and the policy in force at an instant."""
    subjects = sanctions.subjects_of(session, sanction_ids)
    policy = policies.at(session, at).pack.credit.remedies
    return Ledgers(policy, subjects, store.ledgers(session, set(subjects.values())))
