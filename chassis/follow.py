"""Following another service's change feed: at least once, in order, the position kept with what was derived."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from opentelemetry.trace import SpanKind
from sqlmodel import Session

from chassis.db import Database, Unit
from chassis.db.tables import FeedPosition
from chassis.metrics import Declared
from chassis.pace import Pace
from chassis.retry import Backoff
from chassis.telemetry import Span, Telemetry, as_trace, finish, parse_parent
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import FeedCheckpoint

_log = logging.getLogger("ombud.follow")
# Runs of changes that wait while a transaction commits: the next applies them all.
_WAITING = 4
_EVERY = 0.02
_HEARD_EVERY = timedelta(seconds=2)
_POSITION = Declared("ombud.feed.position", "{revision}", ("ombud.service", "ombud.feed"))
_CAUGHT_UP = Declared("ombud.feed.caught_up", "s", ("ombud.service", "ombud.feed"))


@dataclass(frozen=True)
class Position:
    """How far a feed has been followed."""

    epoch: str = ""
    revision: int = 0


class _Change(Protocol):
    revision: int
    traceparent: str


C = TypeVar("C", bound=_Change)


class _StreamEndedError(Exception):
    """The other side ended a stream that has no end of its own: it drains."""


def told_all(session: Session, feed: str) -> bool:
    """Whether a feed that is followed here has once told all that it had, since the start or a reset."""
    row = session.get(FeedPosition, feed)
    return row is not None and bool(row.epoch)


class Follower(Generic[C]):
    """Applies the changes of a feed to this service's database.

    Args:
        feed: Names the feed in this database, such as `identity-accounts`.
        database: Where the changes are applied.
        telemetry: Records a span for each change that belongs to a trace.
        open_stream: Opens the Watch stream after a position. Its items have a oneof `item` of `change`, `changes`
            (which holds several) and `checkpoint`.
        apply: Applies one change; called in feed order, inside the transaction that keeps the position.
        reset: Drops all that was derived, when the feed starts a new epoch.
        complete: Called once after the start or a reset, in the transaction after which all that the feed had is
            applied: before it, what the feed has not told is unknown, not absent.
        heard: Called every two seconds at most, with the instant, by the feed's clock, up to which it has told all.
    """

    def __init__(
        self,
        feed: str,
        database: Database,
        telemetry: Telemetry,
        *,
        open_stream: Callable[[Position], AsyncIterable[Any]],
        apply: Callable[[Unit, C], None],
        reset: Callable[[Unit], None],
        complete: Callable[[Unit], None] = lambda _unit: None,
        heard: Callable[[Unit, datetime], None] = lambda _unit, _at: None,
    ) -> None:
        self._feed = feed
        self._database = database
        self._telemetry = telemetry
        self._open_stream = open_stream
        self._apply = apply
        self._reset = reset
        self._complete = complete
        self._heard = heard
        self._heard_at = datetime(1970, 1, 1, tzinfo=UTC)
        self._pace = Pace(_EVERY)
        self._reached = telemetry.meter.gauge(_POSITION)
        self._caught_up = telemetry.meter.gauge(_CAUGHT_UP)

    async def run(self) -> None:
        """Follows until cancelled; a broken stream is opened again where it broke."""
        backoff = Backoff()
        while True:
            try:
                await self._follow(backoff)
            except OmbudError as error:
                if error.reason == "REVISION_UNKNOWN":
                    await self._database.work(self._feed, self._start_over)
                else:
                    await asyncio.sleep(backoff.wait())
            except _StreamEndedError:
                await asyncio.sleep(backoff.wait())

    async def _follow(self, backoff: Backoff) -> None:
        position = await self._database.read(self._position)
        waiting: asyncio.Queue[Any] = asyncio.Queue(_WAITING)

        async def receive() -> None:
            try:
                async for item in self._open_stream(position):
                    await waiting.put(item)
            except Exception as error:  # noqa: BLE001 - whatever ended the stream is told to who waits for its next item
                await waiting.put(error)
            else:
                await waiting.put(_StreamEndedError())

        receiving = asyncio.create_task(receive())
        try:
            while True:
                changes, checkpoint = await self._next_batch(waiting)
                if changes:
                    await self._apply_batch(changes, checkpoint)
                elif checkpoint is not None and checkpoint.epoch != position.epoch:
                    position = Position(checkpoint.epoch, checkpoint.revision)
                    await self._database.work(self._feed, lambda unit, at=position: self._keep(unit, at))  # type: ignore[misc]  # bound at once
                if checkpoint is not None:
                    await self._tell(checkpoint)
                backoff.reset()
        finally:
            receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiving

    async def _next_batch(self, waiting: "asyncio.Queue[Any]") -> tuple[list[C], FeedCheckpoint | None]:
        """What has arrived, at least one item; raises what ended the stream once all before it was returned."""
        items = [await waiting.get()]
        await self._pace.wait()
        while not waiting.empty():
            items.append(waiting.get_nowait())
        if isinstance(items[-1], Exception):
            if len(items) == 1:
                raise items[0]
            waiting.put_nowait(items.pop())
        checkpoints = [item.checkpoint for item in items if item.HasField("checkpoint")]
        return [change for item in items for change in _changes(item)], checkpoints[-1] if checkpoints else None

    async def _apply_batch(self, changes: Sequence[C], checkpoint: FeedCheckpoint | None) -> None:
        """Applies changes together, or one by one up to the one that can not be applied."""
        try:
            await self._apply_together(changes, checkpoint)
        except Exception:
            if len(changes) == 1:
                raise
            for change in changes[:-1]:
                await self._apply_together([change], None)
            await self._apply_together(changes[-1:], checkpoint)

    async def _apply_together(self, changes: Sequence[C], checkpoint: FeedCheckpoint | None) -> None:
        """Applies changes and keeps the position in one transaction, with a span for each run of one trace."""
        runs = [(self._span(traceparent, run), run) for traceparent, run in _runs(changes)]

        def task(unit: Unit) -> None:
            kept = self._position(unit.session)
            reached = kept.revision
            for span, run in runs:
                traced = unit.under(as_trace(span.context)) if span else unit
                for change in run:
                    if change.revision > reached:
                        self._apply(traced, change)
                        reached = change.revision
            self._keep(unit, Position(checkpoint.epoch if checkpoint else kept.epoch, reached))

        code = "INTERNAL"
        try:
            await self._database.work(self._feed, task)
            code = "OK"
        finally:
            for span, _ in runs:
                if span:
                    finish(span, code, {})

    def _span(self, traceparent: str, run: Sequence[C]) -> Span | None:
        parent = parse_parent(traceparent)
        if parent is None:
            return None
        attributes: dict[str, str | int] = {
            "ombud.service": self._database.service,
            "ombud.count": len(run),
            "ombud.revision": run[-1].revision,
        }
        return self._telemetry.start(
            f"follow {self._feed}", parent=parent, kind=SpanKind.CONSUMER, attributes=attributes
        )

    async def _tell(self, checkpoint: FeedCheckpoint) -> None:
        """All changes before the checkpoint are applied."""
        self._reached.set(checkpoint.revision, self._database.service, self._feed)
        self._caught_up.set(checkpoint.server_time.ToMicroseconds() / 1e6, self._database.service, self._feed)
        at = checkpoint.server_time.ToDatetime(UTC)
        if abs(at - self._heard_at) >= _HEARD_EVERY:
            await self._database.work(self._feed, lambda unit: self._heard(unit, at))
            self._heard_at = at

    def _start_over(self, unit: Unit) -> None:
        _log.warning("%s: the feed starts anew, what was derived from it is rebuilt", self._feed)
        self._reset(unit)
        self._keep(unit, Position())

    def _position(self, session: Session) -> Position:
        row = session.get(FeedPosition, self._feed)
        return Position(row.epoch, row.revision) if row else Position()

    def _keep(self, unit: Unit, position: Position) -> None:
        """Keeps the position; the first one that bears an epoch is of a feed that has told all it had."""
        if position.epoch and not told_all(unit.session, self._feed):
            self._complete(unit)
        unit.session.merge(FeedPosition(feed=self._feed, epoch=position.epoch, revision=position.revision))


def _changes(item: Any) -> Sequence[Any]:  # noqa: ANN401 - the answers of each Watch are a message of their own
    """The changes of an item, which come alone or together."""
    match item.WhichOneof("item"):
        case "change":
            return [item.change]
        case "changes":
            return item.changes.changes  # type: ignore[no-any-return]  # as above
    return []


def _runs(changes: Sequence[C]) -> list[tuple[str, list[C]]]:
    """Changes in order, cut where the trace that caused them changes."""
    runs: list[tuple[str, list[C]]] = []
    for change in changes:
        if runs and runs[-1][0] == change.traceparent:
            runs[-1][1].append(change)
        else:
            runs.append((change.traceparent, [change]))
    return runs
