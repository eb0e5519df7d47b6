"""Counts of tip-offs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select

from chassis.db.medians import median_time
from services.groups.tipoffs.domain import Outcome
from services.groups.tipoffs.models import TipOffContestRow, TipOffRow


@dataclass(frozen=True, slots=True)
class TipOffFigures:
    """How tip-offs were answered over an interval; `median_answer_time` is None if none was."""

    received: int
    answered: int
    overdue: int
    contested: int
    contests_granted: int
    outcomes: dict[Outcome, int]
    median_answer_time: timedelta | None


def tip_off_figures(session: Session, start: datetime, end: datetime) -> TipOffFigures:
    """The counts from an instant up to another. What was late stays overdue, whenever it is asked."""

    def within(column: datetime | None) -> ColumnElement[bool]:
        return (col(column) >= start) & (col(column) < end)

    def count(table: type[TipOffRow | TipOffContestRow], *conditions: ColumnElement[bool]) -> int:
        return session.exec(select(func.count()).select_from(table).where(*conditions)).one()

    late = or_(col(TipOffRow.reply_time).is_(None), col(TipOffRow.reply_time) >= TipOffRow.due_time)
    contest_late = or_(
        col(TipOffContestRow.decide_time).is_(None), col(TipOffContestRow.decide_time) >= TipOffContestRow.due_time
    )
    outcomes = select(TipOffRow.outcome, func.count()).where(within(TipOffRow.decide_time))
    grouped = session.exec(outcomes.group_by(col(TipOffRow.outcome)))
    return TipOffFigures(
        received=count(TipOffRow, within(TipOffRow.receive_time)),
        answered=count(TipOffRow, within(TipOffRow.reply_time)),
        overdue=count(TipOffRow, within(TipOffRow.due_time), late)
        + count(TipOffContestRow, within(TipOffContestRow.due_time), contest_late),
        contested=count(TipOffContestRow, within(TipOffContestRow.contest_time)),
        contests_granted=count(
            TipOffContestRow,
            within(TipOffContestRow.decide_time),
            col(TipOffContestRow.outcome) == Outcome.ACTION_TAKEN,
        ),
        outcomes={Outcome(name): number for name, number in grouped if name},
        median_answer_time=median_time(
            session, TipOffRow.receive_time, TipOffRow.reply_time, within(TipOffRow.reply_time)
        ),
    )
