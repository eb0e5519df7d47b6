"""Delivers notices; a sanction enters into force with the delivery of its notice, and in no other way."""

import logging

from opentelemetry.trace import SpanKind

from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pace import Due
from chassis.telemetry import Telemetry, enter, finish, parse_parent
from services.credit import wire
from services.credit.blacklist import domain as blacklist
from services.credit.blacklist import feed as blacklist_feed
from services.credit.blacklist import store as blacklist_store
from services.credit.notices import store as letters
from services.credit.notices.domain import LetterKind
from services.credit.notices.rounds import go_round
from services.credit.notices.senders import NoticeNotSentError, NoticeSender
from services.credit.notices.templates import Templates
from services.credit.receipts import Receipts
from services.credit.sanctions import interim, relief_store, store
from services.credit.sanctions.domain import Sanction, SanctionState, enter_force
from services.credit.sanctions.notices import Notice, notice_of
from services.credit.sanctions.store import DueNotice
from services.credit.standings import feed
from services.credit.standings import store as standings
from services.credit.standings.domain import PointsEntry

_JOB = "deliver-notice"

_log = logging.getLogger("ombud.credit.notices")


class NoticeDelivery:
    """Sends the notices that wait, at least once each, and puts their sanctions in force."""

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
        self._receipts = receipts
        self._templates = templates
        self._telemetry = telemetry
        self._due = Due()

    def wake(self) -> None:
        """Says that a notice was made."""
        self._due.wake()

    async def run(self) -> None:
        """Delivers until cancelled; what could not be sent is sent again."""
        await go_round(self._waiting, self._deliver, self._due.wait)

    async def _waiting(self, last: DueNotice | None) -> list[DueNotice]:
        if last is None:
            self._due.look()
        after = last.sanction.sanction_id if last else ""
        return await self._database.read(lambda session: store.due_notices(session, after=after))

    async def _deliver(self, due: DueNotice) -> bool:
        span = self._telemetry.start(
            "deliver notice",
            parent=parse_parent(due.traceparent),
            kind=SpanKind.PRODUCER,
            attributes={"ombud.service": self._database.service},
        )
        enter(span.context)
        code = "UNAVAILABLE"
        try:
            await self._sender.send(await self._notice(due.sanction))
            await self._database.work(_JOB, lambda unit: put_in_force(unit, due.sanction.sanction_id))
            code = "OK"
        except NoticeNotSentError as error:
            _log.warning("the notice of sanction %s waits: %s", due.sanction.sanction_id, error)
            return False
        finally:
            finish(span, code, {})
        return True

    async def _notice(self, sanction: Sanction) -> Notice:
        language = await self._database.read(lambda session: letters.language_of(session, sanction.subject))
        receipt = self._receipts.of(sanction.sanction_id)
        return notice_of(sanction, receipt=receipt, language=language, templates=self._templates)


def put_in_force(unit: Unit, sanction_id: str) -> None:
    """Puts a sanction in force whose notice has just been delivered, with its points and its blacklist entry."""
    approved = store.get(unit.session, sanction_id)
    if approved.state is not SanctionState.APPROVED:
        # It fell with what it rests on while its notice was under way.
        return
    sanction = enter_force(approved, delivered_at=unit.now)
    store.mark_delivered(unit.session, sanction)
    store.update(unit.session, sanction)
    if points := _points_entry(sanction):
        standings.add(unit, points)
    if entry := blacklist.entry_of(sanction, entry_id=new_id()):
        blacklist_store.add(unit.session, entry)
        blacklist_feed.publish(unit, [sanction.subject])
    _replace_interim(unit, sanction)
    feed.publish(unit, [sanction.subject])
    unit.audit(
        "credit.sanction.notified",
        subject=wire.subject_message(sanction.subject),
        resource_id=sanction_id,
        facts={"points": sanction.points, "measures": ",".join(item.kind for item in sanction.measures)},
    )


def _replace_interim(unit: Unit, decision: Sanction) -> None:
    for each in store.interim_measures(unit.session, decision.subject):
        if interim.decides_on(decision, each, at=unit.now):
            replaced = interim.replaced(each, decision, at=unit.now)
            relief_store.add_lift(unit.session, replaced)
            letters.write(unit, LetterKind.SANCTION_REPLACED, replaced)
            unit.audit(
                "credit.sanction.replaced",
                subject=wire.subject_message(each.subject),
                resource_id=each.sanction_id,
                facts={"decision_id": decision.sanction_id},
            )


def _points_entry(sanction: Sanction) -> PointsEntry | None:
    if sanction.start is None or sanction.points_end is None:
        return None
    return PointsEntry(
        entry_id=new_id(),
        subject=sanction.subject,
        sanction_id=sanction.sanction_id,
        points=sanction.points,
        start=sanction.start,
        end=sanction.points_end,
        recorded_at=sanction.start,
    )
