"""Leases: work that one process at a time may do, among all that share a database."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from chassis.db.tables import LeaseRecord
from chassis.db.unit import Unit

# Longer than clocks of machines differ, and than a writer is ever behind.
TERM = timedelta(seconds=15)


class LeaseLostError(Exception):
    """The work of this process is another's now; what it was about to write is not written."""


@dataclass(frozen=True)
class Held:
    """A lease as its holder has it.

    Attributes:
        name: Of the lease.
        holder: The process.
        term: Counts the holders of the lease.
    """

    name: str
    holder: str
    term: int

    def confirm(self, session: Session) -> None:
        """Returns if the lease is still held, whatever the clock says: nobody else has taken it.

        Raises:
            LeaseLostError: It is not.
        """
        record = session.get(LeaseRecord, self.name)
        if record is None or record.holder != self.holder or record.term != self.term:
            raise LeaseLostError(self.name)


# The lease under which the present task works, if it does.
held: ContextVar[Held | None] = ContextVar("held", default=None)


def take(unit: Unit, name: str, holder: str) -> Held | None:
    """Takes the lease, or keeps it for another term; None if another holds it."""
    record = unit.session.get(LeaseRecord, name)
    if record is None:
        record = LeaseRecord(name=name, holder=holder, term=1, until=unit.now)
    elif record.holder != holder:
        if record.until > unit.now:
            return None
        record.holder, record.term = holder, record.term + 1
    record.until = unit.now + TERM
    unit.session.add(record)
    return Held(name, holder, record.term)


def release(unit: Unit, lease: Held) -> None:
    """Gives the lease back, if it is still held."""
    record = unit.session.get(LeaseRecord, lease.name)
    if record is not None and (record.holder, record.term) == (lease.holder, lease.term):
        record.until = unit.now
        unit.session.add(record)
