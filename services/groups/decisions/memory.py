"""Keeps the state in memory abreast of the database, and proves to callers that it is."""

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, select

from chassis.db import Database
from chassis.db.batch import FeedEntry
from chassis.db.tables import FeedHead
from chassis.feed import entries_from
from chassis.refusal import ErrorReason, Refusal
from ombud.groups.v1.change_pb2 import GroupsChange
from services.groups.decisions import store
from services.groups.decisions.state import DecisionState
from services.groups.projections import store as projections

_POLL = 0.25
_PATIENCE = 1.0
# A feed tells of itself four times a second; what is kept of that is up to two seconds old.
_UNHEARD_AFTER = timedelta(seconds=5)


class DecisionMemory:
    """The state of decisions, which has every commit of this process before its caller has the answer.

    What other processes commit to the same database arrives within 250 ms.

    Args:
        database: The database whose change feed is followed.

    Attributes:
        state: What decisions rest on.
        revision: The revision of the change feed that it holds for.
    """

    def __init__(self, database: Database) -> None:
        self.state = DecisionState()
        self.revision = 0
        self._database = database
        self._epoch = ""
        self._announced = 0
        self._heard: datetime | None = None
        self._behind = asyncio.Event()
        self._moved = asyncio.Event()
        database.on_commit(self._committed)

    async def load(self) -> None:
        """Takes in all that holds now. Before this nothing may be asked."""
        head, self.state, self._heard = await self._database.read(_held)
        self._epoch, self.revision = head.epoch, head.revision

    async def run(self) -> None:
        """Takes in what other processes commit; runs until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await self._behind.wait()
            self._behind.clear()
            await self._catch_up()

    def known_until(self, at: datetime) -> datetime | None:
        """Up to when identity and credit have told all, if that is longer ago than it should be; otherwise None."""
        late = self._heard is not None and at - self._heard > _UNHEARD_AFTER
        return self._heard if late else None

    def token(self) -> str:
        """A token of everything that this process has committed or seen so far."""
        content = f"{self._epoch}/{max(self.revision, self._announced)}"
        return base64.urlsafe_b64encode(content.encode()).decode()

    async def reached(self, token: str) -> None:
        """Returns once the state is as new as the token.

        Raises:
            Refusal: INVALID_FIELD, if it is no token of this service; REVISION_UNKNOWN, if it is of a history that
                this database does not have.
        """
        epoch, asked = _parse(token)
        if epoch == self._epoch and asked > self.revision:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._until(asked)
        if epoch != self._epoch or asked > self.revision:
            raise Refusal(
                ErrorReason.ERROR_REASON_REVISION_UNKNOWN,
                "the token is of a write that this service does not have",
                satisfy="a newer token, or none",
                asked=asked,
                newest=self.revision,
            )

    async def _until(self, revision: int) -> None:
        while self.revision < revision:
            self._moved.clear()
            self._behind.set()
            await self._moved.wait()

    async def _catch_up(self) -> None:
        revision = self.revision
        entries, self._heard = await self._database.read(
            lambda session: (entries_from(session, revision), projections.heard(session))
        )
        self._take(entries)

    def _committed(self, entries: Sequence[FeedEntry]) -> None:
        self._announced = entries[-1].revision
        self._take(entries)
        if self.revision < self._announced:
            self._behind.set()

    def _take(self, entries: Sequence[FeedEntry]) -> None:
        """Applies the entries that follow on what is there; others come again from the database."""
        for entry in entries:
            if entry.revision == self.revision + 1:
                self.state.apply(GroupsChange.FromString(entry.payload))
                self.revision = entry.revision
                self._moved.set()


def _held(session: Session) -> tuple[FeedHead, DecisionState, datetime | None]:
    """Where the feed stands, what holds there, and up to when others were heard.

    From the tables, which do not grow with time as the feed does.
    """
    head, state = session.exec(select(FeedHead)).one(), DecisionState()
    for change in store.everything(session):
        state.apply(change)
    return head, state, projections.heard(session)


def _parse(token: str) -> tuple[str, int]:
    try:
        epoch, _, revision = base64.urlsafe_b64decode(token).decode().partition("/")
        return epoch, int(revision)
    except (binascii.Error, ValueError):
        raise Refusal.field(
            "consistency_token",
            "not a token of this service",
            satisfy="the consistency_token of an answer to a write, or none",
        ) from None
