"""The register: each entry is what its leaf commits to, and each event leaf has its entry."""

from collections.abc import Iterator
from uuid import UUID

from google.protobuf.message import DecodeError
from sqlmodel import Session, select

from ombud.retention.v1.lifecycle_service_pb2 import PurgeEvent
from ombud.verify import EventLeaf, VerificationError, parse_leaf
from services.retention.checks.findings import Finding
from services.retention.checks.log import Truth
from services.retention.log.leaves import event_entry
from services.retention.register.models import RegisterRow
from services.retention.register.store import Noun
from services.retention.segments.records import to_micros

_TABLE = "database: register_event"


class Register:
    """Checks the register.

    Args:
        session: The database.
        truth: The log.
    """

    def __init__(self, session: Session, truth: Truth) -> None:
        self._truth = truth
        rows = session.exec(select(RegisterRow)).all()
        # What waits for its leaf was committed all the same, and will be one.
        self._waiting = [row for row in rows if row.leaf_index is None or row.leaf_index >= truth.signed.size]
        self._rows = {
            row.leaf_index: row for row in rows if row.leaf_index is not None and row.leaf_index < truth.signed.size
        }
        self._belied = {index for index, row in self._rows.items() if _entry(row) != truth.entries[index]}

    def check(self) -> Iterator[Finding]:
        """What is not as the leaves say."""
        for index in sorted(self._belied):
            yield Finding(_TABLE, "not what its leaf commits to", index)
        purged = self.purged
        for index, entry in enumerate(self._truth.entries):
            if _is_event(entry) and index not in self._rows and index not in purged:
                yield Finding(_TABLE, "the event that a leaf commits to is missing", index)

    @property
    def purged(self) -> frozenset[int]:
        """The leaves whose segments or register entries a purge took, by the register's own word."""
        sealed = (row for index, row in self._rows.items() if index not in self._belied)
        return frozenset(
            leaf_index
            for row in (*sealed, *self._waiting)
            if row.noun == Noun.PURGE.value
            for leaf_index in _purge(row.statement).certificate.leaf_indexes
        )


def _purge(statement: bytes) -> PurgeEvent:
    try:
        return PurgeEvent.FromString(statement)
    except DecodeError:
        return PurgeEvent()


def _entry(row: RegisterRow) -> bytes:
    return event_entry(row.kind, UUID(row.event_id), to_micros(row.time), row.salt, row.statement)


def _is_event(entry: bytes) -> bool:
    try:
        return isinstance(parse_leaf(entry), EventLeaf)
    except VerificationError:
        return False
