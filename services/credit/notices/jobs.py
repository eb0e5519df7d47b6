"""Sends letters when they are due."""

import asyncio
import logging

from opentelemetry.trace import SpanKind
from sqlmodel import Session

from chassis.db import Database
from chassis.retry import Backoff
from chassis.telemetry import Telemetry, enter, finish, parse_parent
from services.credit.notices import letters, store
from services.credit.notices.domain import DueLetter
from services.credit.notices.letters import Letter
from services.credit.notices.senders import NoticeNotSentError, NoticeSender
from services.credit.notices.templates import Templates
from services.credit.receipts import Receipts

_JOB = "send-letter"
_IDLE = 1.0

_log = logging.getLogger("ombud.credit.letters")


class LetterDelivery:
    """Sends the letters that are due, at least once each."""

    def __init__(
        self,
        database: Database,
        sender: NoticeSender,
        telemetry: Telemetry,
        *,
        receipts: Receipts,
        templates: Templates,
    ) -> None:
        self._database = database
        self._sender = sender
        self._telemetry = telemetry
        self._receipts = receipts
        self._templates = templates

    async def run(self) -> None:
        """Delivers until cancelled; what could not be sent is sent again."""
        backoff = Backoff()
        while True:
            now = self._database.clock.now()
            due = await self._database.read(lambda session, now=now: self._letters(session, store.due(session, now)))  # type: ignore[misc]  # bound at once
            # A task of its own for each: the span that it enters is current for that delivery alone.
            sent = [await asyncio.create_task(self._deliver(waiting, letter)) for waiting, letter in due]
            if not all(sent):
                await asyncio.sleep(backoff.wait())
            elif not due:
                backoff.reset()
                await self._database.wait_commit(_IDLE)

    def _letters(self, session: Session, due: list[DueLetter]) -> list[tuple[DueLetter, Letter]]:
        return [(waiting, letters.letter_of(session, waiting, self._receipts, self._templates)) for waiting in due]

    async def _deliver(self, due: DueLetter, letter: Letter) -> bool:
        span = self._telemetry.start(
            "send letter",
            parent=parse_parent(due.traceparent),
            kind=SpanKind.PRODUCER,
            attributes={"ombud.service": self._database.service},
        )
        enter(span.context)
        code = "UNAVAILABLE"
        try:
            await self._sender.send(letter)
            await self._database.work(
                _JOB, lambda unit: store.mark_sent(unit.session, due.letter_id, at=max(unit.now, due.not_before))
            )
            code = "OK"
        except NoticeNotSentError as error:
            _log.warning("letter %s waits: %s", due.letter_id, error)
            return False
        finally:
            finish(span, code, {})
        return True
