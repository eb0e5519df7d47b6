"""The single writer of a database: many commands, one transaction, one fsync.

Commands that wait while a transaction commits go into the next one together. If one of them refuses after it has used
the session, the batch is rolled back and run again with a savepoint around each, so that nothing of the others is
lost: savepoints cost a third of the throughput, and refusals are few. A command may therefore run more than once
before it commits. What all commands write alike (idempotency records, audit records, feed entries), and the rows that
they store without the session, is inserted for the whole batch at once; prepared commands read at once, too. The
writer's place is taken by `BEGIN IMMEDIATE` on SQLite and by the lock of the `feed_head` row on PostgreSQL: revisions
are therefore gap-free and in commit order on both, and no command reads what another is about to overwrite
(docs/adr/0003).
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

from chassis.call import Call, serve
from chassis.clock import Clock
from chassis.db.batch import Batch, FeedEntry, key_of
from chassis.db.engine import write_engine
from chassis.db.tables import FeedHead
from chassis.db.unit import Prepared, Unit
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal

_BATCH = 256
# Seconds that a command waits for as many as there were in the transaction before, at most: for each of them, and in
# all. A transaction has a price of its own.
_GATHER_EACH, _GATHER_MOST = 0.0004, 0.008
_QUEUED_MOST = 4096
_RETRIES = 4
# PostgreSQL: serialization_failure, deadlock_detected, lock_not_available.
_RETRIED_STATES = frozenset({"40001", "40P01", "55P03"})
_BUSY = timedelta(milliseconds=200)

_log = logging.getLogger("ombud.writer")


@dataclass
class Item:
    """A command on its way through the writer."""

    call: Call
    command: Callable[[Unit], Any] | Prepared[Any, Any, Any]
    idempotent: bool
    future: asyncio.Future[Any] | None = None
    result: Any = None
    failure: BaseException | None = None

    @property
    def load(self) -> Callable[..., Any] | None:
        """What reads for the command and those like it; None if it reads for itself."""
        return self.command.load if isinstance(self.command, Prepared) else None

    def late(self, *, after: float = 0.0) -> bool:
        """Whether the caller stops waiting before so many seconds are over; what is not for a caller is never late."""
        deadline = self.call.deadline
        return self.idempotent and deadline is not None and time.monotonic() + after > deadline

    def settle(self) -> None:
        """Gives the outcome to whoever waits. On the event loop only."""
        if self.future is None:
            return
        if self.failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.failure)


def check_same_request(digest: bytes, call: Call) -> None:
    """Refuses a call whose request_id was used for another request."""
    if digest != call.request_digest:
        raise Refusal(
            ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
            "this request_id was used for another request",
            satisfy="a new request_id, or the same request as before",
            request_id=call.request_id,
        )


def _too_late(least: float) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_DEADLINE_TOO_SHORT,
        "the caller would have stopped waiting before the transaction; nothing changed",
        satisfy="a longer deadline",
        least_ms=int(least * 1000),
    )


def _awaited(items: Sequence[Item]) -> list[Item]:
    """The commands whose callers still wait; the others fail unrun."""
    found = []
    for item in items:
        if item.late():
            item.failure = _too_late(0.0)
        else:
            found.append(item)
    return found


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
        # How many commands shall wait before a transaction begins, and whether they do.
        self._wanted = 0
        self._enough = threading.Event()
        self._committing = False
        self._took = 0.0
        self._thread = threading.Thread(target=self._run, name=f"{service}-write", daemon=True)

    def start(self) -> None:
        """Makes the head row if the database is new, and starts the thread."""
        # Another process that starts on the same new database may be the one that makes it.
        with contextlib.suppress(IntegrityError), self._engine.begin() as connection:
            if connection.execute(select(FeedHead.singleton)).first() is None:  # type: ignore[call-overload]  # a column
                connection.execute(insert(FeedHead).values(singleton=1, epoch=new_id(), revision=0, audit_sequence=0))
        self._thread.start()

    def stop(self) -> None:
        """Commits what is queued, then ends the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._engine.dispose()

    @property
    def waiting(self) -> int:
        """How many commands wait for the next transaction."""
        return self._queue.qsize()

    def submit(self, item: Item) -> None:
        """Queues a command.

        Raises:
            Refusal: OVERLOADED, if too many wait; DEADLINE_TOO_SHORT, if its caller will not.
        """
        if self._queue.qsize() >= _QUEUED_MOST:
            raise Refusal.overloaded("writes", retry_after=_BUSY)
        # While one transaction commits, the next takes about as long.
        if self._committing and item.late(after=self._took):
            raise _too_late(self._took)
        self._queue.put(item)
        if self._queue.qsize() >= self._wanted and not self._enough.is_set():
            self._enough.set()

    def _run(self) -> None:
        crowd = 0
        while (first := self._queue.get()) is not None:
            self._gather(crowd)
            items, last = self._take(first)
            crowd = len(items)
            began, self._committing = time.monotonic(), True
            self._commit(items)
            self._committing, self._took = False, time.monotonic() - began
            if last:
                return

    def _gather(self, crowd: int) -> None:
        self._enough.clear()
        # One of them is there already.
        self._wanted = crowd - 1
        if self._queue.qsize() < self._wanted:
            self._enough.wait(min(crowd * _GATHER_EACH, _GATHER_MOST))

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
        awaited = _awaited(items)
        for attempt in range(1, _RETRIES + 1):
            try:
                entries = self._transact(awaited)
                break
            except BaseException as error:  # noqa: BLE001 - every waiting caller must hear of it, and the thread lives on
                if _retried(error) and attempt < _RETRIES:
                    continue
                self._fail(awaited, error)
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
            batch = Batch.begin(session, [item.call.request_id for item in items if item.idempotent])
            for run in [[item] for item in items] if apart else _runs(items):
                self._run_together(session, run, batch, apart=apart)
            _flush(batch)
            batch.finish(session, self._clock.now())
            session.commit()
        return batch.entries

    def _run_together(self, session: Session, items: Sequence[Item], batch: Batch, *, apart: bool) -> None:
        """Runs commands that share what they know, or one that asks for itself."""
        fresh, now = [item for item in items if not _replayed(item, batch)], self._clock.now()
        for item, command in zip(fresh, _ready(fresh, batch, now), strict=True):
            # A twin of the same request may have been answered in this very run.
            if not _replayed(item, batch):
                unit = Unit(batch.transaction, now=now, call=item.call, service=self._service)
                savepoint = session.begin_nested() if apart else None
                _run_one(item, command, unit, batch, savepoint)


def _run_one(
    item: Item, command: Callable[[Unit], Any], unit: Unit, batch: Batch, savepoint: SessionTransaction | None
) -> None:
    serve(item.call)
    batch.transaction.asked = False
    try:
        item.result = command(unit)
        if savepoint:
            # Within it: a row that a constraint refuses falls with its command alone.
            batch.transaction.open(unit.rows)
            savepoint.commit()
    except BaseException as error:
        if _retried(error):
            raise
        if savepoint:
            savepoint.rollback()
        elif batch.transaction.asked:
            raise _CommandFailedError from error
        item.failure = error
    else:
        batch.collect(unit)
        if item.idempotent and item.call.request_id:
            batch.answer(item.call, item.result, unit.now)


def _runs(items: Sequence[Item]) -> list[list[Item]]:
    """The commands in order, cut where those beside each other do not load alike."""
    found: list[list[Item]] = []
    for item in items:
        if found and item.load is not None and item.load is found[-1][0].load:
            found[-1].append(item)
        else:
            found.append([item])
    return found


def _ready(items: Sequence[Item], batch: Batch, at: datetime) -> list[Callable[[Unit], Any]]:
    """The commands of a run, with what they load."""
    prepared = [item.command for item in items if isinstance(item.command, Prepared)]
    if not prepared:
        return [item.command for item in items if not isinstance(item.command, Prepared)]
    known = prepared[0].load(_flush(batch), at, [command.key for command in prepared])
    return [command.given(known) for command in prepared]


def _replayed(item: Item, batch: Batch) -> bool:
    """Whether the item was answered before; it has its outcome then."""
    item.result = item.failure = None
    if not item.idempotent or (answer := batch.known.get(key_of(item.call))) is None:
        return False
    try:
        check_same_request(answer[0], item.call)
    except Refusal as refusal:
        item.failure = refusal
    else:
        item.result = item.call.reply(answer[1]) if item.call.reply else None
    return True


def _retried(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _RETRIED_STATES


def _flush(batch: Batch) -> Session:
    """Sends what the commands of the batch have added, a statement a table instead of one a row."""
    try:
        session = batch.transaction.open()
        session.flush()
    except Exception as error:
        if _retried(error):
            raise
        raise _CommandFailedError from error
    return session
