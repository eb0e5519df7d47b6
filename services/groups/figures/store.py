"""Counts of tip-offs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select

from chassis.db.medians import median_time
from services.groups.tipoffs.domain import Outcome
from services.groups.tipoffs.models import TipOffRow


@dataclass(frozen=True, slots=True)
class TipOffFigures:
    """How tip-offs were answered over an interval; `median_answer_time` is None if none was."""

    received: int
    answered: int
    overdue: int
    outcomes: dict[Outcome, int]
    median_answer_time: timedelta | None


def tip_off_figures(session: Session, start: datetime, end: datetime) -> TipOffFigures:
    """The counts from an instant up to another. What was late stays overdue, whenever it is asked."""

    def within(column: datetime | None) -> ColumnElement[bool]:
        return (col(column) >= start) & (col(column) < end)

    def count(*conditions: ColumnElement[bool]) -> int:
        return session.exec(select(func.count()).select_from(TipOffRow).where(*conditions)).one()

    late = or_(col(TipOffRow.reply_time).is_(None), col(TipOffRow.reply_time) >= TipOffRow.due_time)
    outcomes = select(TipOffRow.outcome, func.count()).where(within(TipOffRow.decide_time))
    grouped = session.exec(outcomes.group_by(col(TipOffRow.outcome)))
    return TipOffFigures(
        received=count(within(TipOffRow.receive_time)),
        answered=count(within(TipOffRow.reply_time)),
        overdue=count(within(TipOffRow.due_time), late),
        outcomes={Outcome(name): number for name, number in grouped if name},
        median_answer_time=median_time(
            session, TipOffRow.receive_time, TipOffRow.reply_time, within(TipOffRow.reply_time)
        ),
    )
