"""The single writer of a database: many commands, one transaction, one fsync.

Commands that wait while a transaction commits go into the next one together. If one of them refuses, the batch is
rolled back and run again with a savepoint around each, so that nothing of the others is lost: savepoints cost a third
of the throughput, and refusals are few. A command may therefore run more than once before it commits. What all
commands write alike (idempotency records, audit records, feed entries) is inserted for the whole batch at once. The
writer's place is taken by `BEGIN IMMEDIATE` on SQLite and by the lock of the `feed_head` row on PostgreSQL: revisions
are therefore gap-free and in commit order on both, and no command reads what another is about to overwrite
(docs/adr/0003).
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from chassis.call import Call, serve
from chassis.clock import Clock
from chassis.db.engine import write_engine
from chassis.db.tables import AuditEntry, Change, FeedHead, IdempotencyRecord
from chassis.db.unit import Unit
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal

_BATCH = 128
# Seconds that a command waits for others, where there were others a moment ago: a transaction has a price of its own.
_GATHER = 0.003
_QUEUED_MOST = 4096
_RETRIES = 4
# PostgreSQL: serialization_failure, deadlock_detected, lock_not_available.
_RETRIED_STATES = frozenset({"40001", "40P01", "55P03"})
_BUSY = timedelta(milliseconds=200)

# Built once: to build them for each transaction costs a fifth of its fixed price.
_HEAD, _ANSWERS = (model.__table__ for model in (FeedHead, IdempotencyRecord))  # type: ignore[union-attr]  # SQLModel adds it
_LOCK_HEAD = select(_HEAD.c.epoch, _HEAD.c.revision, _HEAD.c.audit_sequence).with_for_update()
_MOVE_HEAD = update(_HEAD).values(revision=bindparam("to_revision"), audit_sequence=bindparam("to_sequence"))
_KNOWN = select(_ANSWERS).where(_ANSWERS.c.request_id.in_(bindparam("ids", expanding=True)))
_INSERT_CHANGES, _INSERT_AUDITS, _INSERT_ANSWERS = insert(Change), insert(AuditEntry), insert(IdempotencyRecord)

_log = logging.getLogger("ombud.writer")


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A committed entry of the change feed."""

    revision: int
    traceparent: str
    key: str
    payload: bytes


@dataclass
class Item:
    """A command on its way through the writer."""

    call: Call
    command: Callable[[Unit], Any]
    idempotent: bool
    future: asyncio.Future[Any] | None = None
    result: Any = None
    failure: BaseException | None = None
    unit: Unit | None = None

    def settle(self) -> None:
        """Gives the outcome to whoever waits. On the event loop only."""
        if self.future is None:
            return
        if self.failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.failure)

    @property
    def key(self) -> tuple[str, str, str]:
        """Under which the answer is kept."""
        return self.call.request_id, self.call.caller.key, self.call.method


@dataclass
class _Head:
    """The row of `feed_head`, as the transaction found it and then moves it."""

    epoch: str
    revision: int
    audit_sequence: int


@dataclass
class _Batch:
    """What one transaction adds to the shared tables."""

    head: _Head
    known: dict[tuple[str, str, str], tuple[bytes, bytes]]
    entries: list[FeedEntry] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)


def check_same_request(digest: bytes, call: Call) -> None:
    """Refuses a call whose request_id was used for another request."""
    if digest != call.request_digest:
        raise Refusal(
            ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
            "this request_id was used for another request",
            satisfy="a new request_id, or the same request as before",
            request_id=call.request_id,
        )


class _CommandFailedError(Exception):
    """A command failed in a batch that has no savepoints."""


class Writer:
    """The thread that commits."""

    def __init__(
        self,
        url: str,
        *,
        service: str,
        clock: Clock,
        committed: Callable[[Sequence[Item], Sequence[FeedEntry]], None],
    ) -> None:
        self._engine = write_engine(url)
        self._service = service
        self._clock = clock
        self._committed = committed
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"{service}-write", daemon=True)

    def start(self) -> None:
        """Makes the head row if the database is new, and starts the thread."""
        with self._engine.begin() as connection:
            if connection.execute(select(FeedHead.singleton)).first() is None:  # type: ignore[call-overload]  # a column
                connection.execute(insert(FeedHead).values(singleton=1, epoch=new_id(), revision=0, audit_sequence=0))
        self._thread.start()

    def stop(self) -> None:
        """Commits what is queued, then ends the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._engine.dispose()

    def submit(self, item: Item) -> None:
        """Queues a command.

        Raises:
            Refusal: OVERLOADED, if too many wait.
        """
        if self._queue.qsize() >= _QUEUED_MOST:
            raise Refusal.overloaded("writes", retry_after=_BUSY)
        self._queue.put(item)

    def _run(self) -> None:
        crowded = False
        while (first := self._queue.get()) is not None:
            if crowded:
                time.sleep(_GATHER)
            items, last = self._take(first)
            crowded = len(items) > 1
            self._commit(items)
            if last:
                return

    def _take(self, first: Item) -> tuple[list[Item], bool]:
        items = [first]
        while len(items) < _BATCH:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return items, True
            items.append(item)
        return items, False

    def _commit(self, items: list[Item]) -> None:
        entries: list[FeedEntry] = []
        for attempt in range(1, _RETRIES + 1):
            try:
                entries = self._transact(items)
                break
            except BaseException as error:  # noqa: BLE001 - every waiting caller must hear of it, and the thread lives on
                if _retried(error) and attempt < _RETRIES:
                    continue
                self._fail(items, error)
            entries = []
            break
        self._committed(items, entries)

    def _fail(self, items: Sequence[Item], error: BaseException) -> None:
        # Class names only: a driver's message repeats the values of the statement.
        _log.error("%s: a transaction of %d commands failed: %s", self._service, len(items), type(error).__name__)
        for item in items:
            item.failure = error

    def _transact(self, items: Sequence[Item]) -> list[FeedEntry]:
        try:
            return self._attempt(items, apart=False)
        except _CommandFailedError as failed:
            if len(items) > 1:
                return self._attempt(items, apart=True)
            items[0].failure = failed.__cause__
            return []

    def _attempt(self, items: Sequence[Item], *, apart: bool) -> list[FeedEntry]:
        with Session(self._engine, expire_on_commit=False) as session:
            connection = session.connection()
            batch = _Batch(head=_lock_head(connection), known=_known(connection, items))
            for item in items:
                self._run_one(session, item, batch, apart=apart)
            _flush(session)
            _insert(connection, batch)
            session.commit()
        return batch.entries

    def _run_one(self, session: Session, item: Item, batch: _Batch, *, apart: bool) -> None:
        item.result = item.failure = None
        if item.idempotent and (answer := batch.known.get(item.key)) is not None:
            try:
                check_same_request(answer[0], item.call)
            except Refusal as refusal:
                item.failure = refusal
            else:
                item.result = item.call.reply(answer[1]) if item.call.reply else None
            return
        serve(item.call)
        unit = Unit(session=session, now=self._clock.now(), call=item.call, service=self._service)
        savepoint = session.begin_nested() if apart else None
        try:
            item.result = item.command(unit)
            if savepoint:
                savepoint.commit()
        except BaseException as error:
            if _retried(error):
                raise
            if savepoint is None:
                raise _CommandFailedError from error
            savepoint.rollback()
            item.failure = error
        else:
            _collect(item, unit, batch)


def _retried(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _RETRIED_STATES


def _flush(session: Session) -> None:
    """Sends what the commands of the batch have added, a statement a table instead of one a row."""
    try:
        session.flush()
    except Exception as error:
        if _retried(error):
            raise
        raise _CommandFailedError from error


def _lock_head(connection: Connection) -> _Head:
    return _Head(*connection.execute(_LOCK_HEAD).one())


def _known(connection: Connection, items: Sequence[Item]) -> dict[tuple[str, str, str], tuple[bytes, bytes]]:
    ids = [item.call.request_id for item in items if item.idempotent]
    if not ids:
        return {}
    rows = connection.execute(_KNOWN, {"ids": ids})
    return {(row.request_id, row.caller, row.method): (row.digest, row.answer) for row in rows}


def _collect(item: Item, unit: Unit, batch: _Batch) -> None:
    head, call = batch.head, item.call
    for key, payload, traceparent in unit.changes:
        head.revision += 1
        entry = FeedEntry(head.revision, traceparent, key, payload)
        batch.entries.append(entry)
        batch.changes.append(
            {
                "revision": entry.revision,
                "key": key,
                "payload": payload,
                "traceparent": traceparent,
                "at": unit.now,
            }
        )
    for record in unit.audits:
        head.audit_sequence += 1
        record.sequence = head.audit_sequence
        batch.audits.append(
            {
                "sequence": record.sequence,
                "audit_id": record.audit_id,
                "trace_id": record.trace_id,
                "span_id": record.span_id,
                "record": record.SerializeToString(deterministic=True),
            }
        )
    if item.idempotent and call.request_id:
        assert isinstance(item.result, Message)  # noqa: S101 - a command for a caller returns the RPC's reply
        answer = item.result.SerializeToString()
        batch.known[item.key] = (call.request_digest, answer)
        batch.answers.append(
            {
                "request_id": call.request_id,
                "caller": call.caller.key,
                "method": call.method,
                "digest": call.request_digest,
                "answer": answer,
                "at": unit.now,
            }
        )


def _insert(connection: Connection, batch: _Batch) -> None:
    for statement, rows in (
        (_INSERT_CHANGES, batch.changes),
        (_INSERT_AUDITS, batch.audits),
        (_INSERT_ANSWERS, batch.answers),
    ):
        if rows:
            connection.execute(statement, rows)
    if batch.changes or batch.audits:
        head = batch.head
        connection.execute(_MOVE_HEAD, {"to_revision": head.revision, "to_sequence": head.audit_sequence})
