"""Sends letters when they are due."""

import logging

from opentelemetry.trace import SpanKind
from sqlmodel import Session

from chassis.db import Database
from chassis.telemetry import Telemetry, enter, finish, parse_parent
from services.credit.notices import letters, store
from services.credit.notices.domain import DueLetter
from services.credit.notices.letters import Letter
from services.credit.notices.rounds import go_round
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
        await go_round(self._waiting, self._deliver, self._idle)

    async def _waiting(self, last: tuple[DueLetter, Letter] | None) -> list[tuple[DueLetter, Letter]]:
        now = self._database.clock.now()
        after = last[0] if last else None

        def read(session: Session) -> list[tuple[DueLetter, Letter]]:
            due = store.due(session, now, after=after)
            return [(each, letters.letter_of(session, each, self._receipts, self._templates)) for each in due]

        return await self._database.read(read)

    async def _idle(self) -> None:
        await self._database.wait_commit(_IDLE)

    async def _deliver(self, waiting: tuple[DueLetter, Letter]) -> bool:
        due, letter = waiting
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
