"""What an operator watches of the credit service."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlmodel import Session, col, func, select

from chassis.db import Database
from chassis.metrics import Declared, Observed
from services.credit.appeals.domain import AppealState
from services.credit.appeals.models import AppealRow
from services.credit.notices.models import LetterRow
from services.credit.sanctions.domain import SanctionState
from services.credit.sanctions.models import NoticeRow, SanctionRow

_OVERDUE = Declared("ombud.appeals.overdue", "{appeal}")
_NOTICES = Declared("ombud.notices.wait", "s")
_LETTERS = Declared("ombud.letters.wait", "s")


def gauges_of(database: Database) -> list[Observed]:
    """The gauges of the service."""

    async def at_once(query: Callable[[Session, datetime], float]) -> float:
        return await database.read(lambda session: query(session, database.clock.now()))

    return [
        Observed(_OVERDUE, (), partial(at_once, _overdue_appeals)),
        Observed(_NOTICES, (), partial(at_once, _longest_waiting_notice)),
        Observed(_LETTERS, (), partial(at_once, _longest_waiting_letter)),
    ]


def _overdue_appeals(session: Session, at: datetime) -> float:
    still_open = [state for state in AppealState if not state.ended]
    query = select(func.count()).where(col(AppealRow.state).in_(still_open), col(AppealRow.due_at) <= at)
    return session.exec(query).one()


def _longest_waiting_notice(session: Session, at: datetime) -> float:
    query = (
        select(func.min(NoticeRow.made_at))
        .join(SanctionRow, col(SanctionRow.sanction_id) == col(NoticeRow.sanction_id))
        .where(col(NoticeRow.delivered_at).is_(None), SanctionRow.state == SanctionState.APPROVED)
    )
    return _seconds(session.exec(query).one(), at)


def _longest_waiting_letter(session: Session, at: datetime) -> float:
    query = select(func.min(LetterRow.not_before)).where(
        col(LetterRow.sent_at).is_(None), col(LetterRow.not_before) <= at
    )
    return _seconds(session.exec(query).one(), at)


def _seconds(since: datetime | None, at: datetime) -> float:
    return (at - since).total_seconds() if since else 0.0
