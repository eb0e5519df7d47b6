"""A service's database, as its code sees it: `write` for callers, `work` for jobs, `read` for queries."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from google.protobuf.message import Message
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from chassis.call import Call, current_call
from chassis.clock import Clock
from chassis.db import migrate
from chassis.db.batch import FeedEntry
from chassis.db.engine import read_engine
from chassis.db.lease import held
from chassis.db.tables import FeedHead, IdempotencyRecord
from chassis.db.unit import Prepared, Unit
from chassis.db.writer import Item, Writer, check_same_request
from chassis.ids import new_id
from chassis.telemetry import current_trace

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_READERS = 2
# With fewer reads it is no crowd that waits, but the callers of a client for each other.
_CROWD = 16


class Database:
    """One service's tables on SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL, `sqlite:///...` or `postgresql+psycopg://...`.
        service: The service's name, as its audit records give it.
        clock: The time of its commands.
        migrations: The package that holds its `migrations` folder, such as `services.credit`.

    Attributes:
        process: Names this process among those that share the database; a SQLite file has one, whoever it is.
        draining: Whether the process is to end, so that no stream of changes goes on here.
    """

    def __init__(self, url: str, *, service: str, clock: Clock, migrations: str) -> None:
        self.service = service
        self.clock = clock
        self.process = "the only one" if url.startswith("sqlite") else new_id()
        self.draining = False
        self._url = url
        self._migrations = migrations
        self._writer = Writer(url, service=service, clock=clock, committed=self._committed)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix=f"{service}-read")
        self._read_engine = read_engine(url, connections=_READERS)
        self._listeners: list[Callable[[Sequence[FeedEntry]], None]] = []
        self._waiters: set[asyncio.Future[None]] = set()
        self._reads = 0
        self._waited = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Brings the schema up to date and starts the writer."""
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(self._readers, migrate.upgrade, self._url, self._migrations)
        self._writer.start()

    def drain(self) -> None:
        """Ends the streams of changes, those that wait for a commit included. Called on the event loop."""
        self.draining = True
        self._wake()

    async def close(self) -> None:
        """Lets the commands that are queued commit, then closes every connection."""
        await asyncio.to_thread(self._writer.stop)
        self._readers.shutdown()
        self._read_engine.dispose()

    async def write(self, command: Callable[[Unit], M] | Prepared[Any, Any, M]) -> M:
        """Runs a caller's command in the writer's next transaction; returns when it is durable.

        A replay of the call (same caller, method, request_id and request) returns the stored answer instead.

        Raises:
            Refusal: What the command refused, or REQUEST_ID_REUSED.
        """
        return cast("M", await self.submit(Item(current_call(), command, idempotent=True)))

    async def work(self, job: str, task: Callable[[Unit], T]) -> T:
        """Runs a job's task in the writer's next transaction; its audit records say `job:<name>`.

        Raises:
            LeaseLostError: The job works under a lease that another process has taken.
        """
        call, lease = Call(method=f"job:{job}", trace=current_trace()), held.get()

        def fenced(unit: Unit) -> T:
            if lease is not None:
                lease.confirm(unit.session)
            return task(unit)

        return cast("T", await self.submit(Item(call, fenced, idempotent=False)))

    async def recall(self) -> Any | None:  # noqa: ANN401 - the reply type of whatever method is being served
        """The stored answer if the current call is a replay.

        For RPCs that ask another service before they write: a replay asks nothing.

        Raises:
            Refusal: REQUEST_ID_REUSED.
        """
        call = current_call()
        key = (call.request_id, call.caller.key, call.method)
        record = await self.read(lambda session: session.get(IdempotencyRecord, key))
        if record is None or call.reply is None:
            return None
        check_same_request(record.digest, call)
        return call.reply(record.answer)

    async def read(self, query: Callable[[Session], T]) -> T:
        """Runs a query on one state of the data, in a reader's thread."""
        asked = time.monotonic()

        def run() -> T:
            self._waited = time.monotonic() - asked
            with Session(self._read_engine) as session:
                return query(session)

        self._reads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        finally:
            self._reads -= 1

    async def head(self) -> FeedHead:
        """Where the change feed stands."""
        return await self.read(lambda session: session.exec(select(FeedHead)).one())

    async def healthy(self) -> bool:
        """True if the database answers."""
        try:
            await self.head()
        except SQLAlchemyError:
            return False
        return True

    @property
    def waiting(self) -> int:
        """How many commands wait for the writer's next transaction."""
        return self._writer.waiting

    @property
    def read_wait(self) -> float:
        """Seconds that the last read to begin had waited for a thread; 0 if it is no crowd that waits."""
        return self._waited if self._reads >= _CROWD else 0.0

    def on_commit(self, listener: Callable[[Sequence[FeedEntry]], None]) -> None:
        """Calls `listener` on the event loop with each batch's feed entries, in commit order.

        It is called before the writes of the batch return, so what it updates is never older than an answer.
        """
        self._listeners.append(listener)

    async def wait_commit(self, at_most: float) -> None:
        """Returns when the feed gets a change here, or after `at_most` seconds."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(at_most):
                await waiter
        except TimeoutError:
            pass
        finally:
            self._waiters.discard(waiter)

    async def submit(self, item: Item) -> Any:  # noqa: ANN401 - whatever the command returns
        """Queues a command as it is; `write` and `work` are the ways in for services."""
        loop = asyncio.get_running_loop()
        item.future = loop.create_future()
        self._writer.submit(item)
        # A caller that goes away does not take back what may already be in a transaction.
        return await asyncio.shield(item.future)

    def _committed(self, items: Sequence[Item], entries: Sequence[FeedEntry]) -> None:
        """Called by the writer's thread after each batch."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._announce, items, entries)

    def _announce(self, items: Sequence[Item], entries: Sequence[FeedEntry]) -> None:
        if entries:
            for listener in self._listeners:
                listener(entries)
        for item in items:
            if item.future is not None and not item.future.done():
                item.settle()
        if entries:
            self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
