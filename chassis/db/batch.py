"""What one transaction adds to the shared tables: a statement a table, however many commands it holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, bindparam, insert, select, update
from sqlmodel import Session

from chassis.call import Call
from chassis.db.tables import AuditEntry, Change, FeedHead, IdempotencyRecord
from chassis.db.unit import Teller, Told, Transaction, Unit

# Built once: to build them for each transaction costs a fifth of its fixed price.
_HEAD, _ANSWERS = (model.__table__ for model in (FeedHead, IdempotencyRecord))  # type: ignore[union-attr]  # SQLModel adds it
_LOCK_HEAD = select(_HEAD.c.epoch, _HEAD.c.revision, _HEAD.c.audit_sequence).with_for_update()
_MOVE_HEAD = update(_HEAD).values(revision=bindparam("to_revision"), audit_sequence=bindparam("to_sequence"))
_KNOWN = select(_ANSWERS).where(_ANSWERS.c.request_id.in_(bindparam("ids", expanding=True)))
_INSERT_CHANGES, _INSERT_AUDITS, _INSERT_ANSWERS = insert(Change), insert(AuditEntry), insert(IdempotencyRecord)

# Caller's request_id, caller, method.
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A committed entry of the change feed."""

    revision: int
    traceparent: str
    key: str
    payload: bytes


def key_of(call: Call) -> Key:
    """Under which the answer to a call is kept."""
    return call.request_id, call.caller.key, call.method


@dataclass
class _Head:
    """The row of `feed_head`, as the transaction found it and then moves it."""

    epoch: str
    revision: int
    audit_sequence: int


@dataclass
class Batch:
    """The entries, records and answers of a transaction, numbered in the order of its commands.

    Attributes:
        transaction: What the commands are handed.
        known: Digest and answer of the calls that were answered before.
        entries: What the change feed has got.
    """

    transaction: Transaction
    known: dict[Key, tuple[bytes, bytes]]
    _head: _Head
    entries: list[FeedEntry] = field(default_factory=list)
    _told: list[Told] = field(default_factory=list)
    _changes: list[dict[str, Any]] = field(default_factory=list)
    _audits: list[dict[str, Any]] = field(default_factory=list)
    _answers: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begin(cls, session: Session, request_ids: Sequence[str]) -> "Batch":
        """Takes the writer's place in the database, and looks up what was answered before."""
        connection = session.connection()
        head = _Head(*connection.execute(_LOCK_HEAD).one())
        return cls(Transaction(session), _known(connection, request_ids), head)

    def collect(self, unit: Unit) -> None:
        """Takes over what a command leaves."""
        self.transaction.rows.take(unit.rows)
        self._told += unit.told
        for key, payload, traceparent in unit.changes:
            self._enter(key, payload, traceparent, unit.now)
        for record in unit.audits:
            self._head.audit_sequence += 1
            record.sequence = self._head.audit_sequence
            self._audits.append(
                {
                    "sequence": record.sequence,
                    "audit_id": record.audit_id,
                    "trace_id": record.trace_id,
                    "span_id": record.span_id,
                    "record": record.SerializeToString(deterministic=True),
                }
            )

    def answer(self, call: Call, reply: Message, at: datetime) -> None:
        """Keeps the answer to a call for its replays."""
        answer = reply.SerializeToString()
        self.known[key_of(call)] = (call.request_digest, answer)
        self._answers.append(
            {
                "request_id": call.request_id,
                "caller": call.caller.key,
                "method": call.method,
                "digest": call.request_digest,
                "answer": answer,
                "at": at,
            }
        )

    def finish(self, session: Session, at: datetime) -> None:
        """Has the feed told, and stores what was collected."""
        self._tell(session, at)
        connection = session.connection()
        for statement, rows in (
            (_INSERT_CHANGES, self._changes),
            (_INSERT_AUDITS, self._audits),
            (_INSERT_ANSWERS, self._answers),
        ):
            if rows:
                connection.execute(statement, rows)
        if self._changes or self._audits:
            head = self._head
            connection.execute(_MOVE_HEAD, {"to_revision": head.revision, "to_sequence": head.audit_sequence})

    def _tell(self, session: Session, at: datetime) -> None:
        # Of those who would tell of a key the last knows all that happened to it.
        last = {told.key: told for told in self._told}
        tellers: dict[Teller, dict[Any, str]] = {}
        for told in last.values():
            tellers.setdefault(told.teller, {})[told.key] = told.traceparent
        for teller, traces in tellers.items():
            messages = teller(session, at, list(traces))
            for (key, message), traceparent in zip(messages, traces.values(), strict=True):
                self._enter(key, message.SerializeToString(), traceparent, at)

    def _enter(self, key: str, payload: bytes, traceparent: str, at: datetime) -> None:
        self._head.revision += 1
        entry = FeedEntry(self._head.revision, traceparent, key, payload)
        self.entries.append(entry)
        self._changes.append(
            {"revision": entry.revision, "key": key, "payload": payload, "traceparent": traceparent, "at": at}
        )


def _known(connection: Connection, request_ids: Sequence[str]) -> dict[Key, tuple[bytes, bytes]]:
    if not request_ids:
        return {}
    rows = connection.execute(_KNOWN, {"ids": request_ids})
    return {(row.request_id, row.caller, row.method): (row.digest, row.answer) for row in rows}
