"""Queries of appeals."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, bindparam, exists, func
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from services.credit.appeals.domain import (
    Appeal,
    AppealGround,
    AppealOutcome,
    AppealState,
    Conflict,
    Prolongation,
    Question,
    Reviewer,
)
from services.credit.appeals.models import (
    REVIEWER,
    AppealEvidenceRow,
    AppealQuestionRow,
    AppealRow,
    CasePartRow,
    RosterRow,
)
from services.credit.notices.domain import LetterKind
from services.credit.notices.models import LetterRow
from services.credit.sanctions.domain import Evidence, Sanction, SanctionState
from services.credit.sanctions.models import SanctionRow
from services.credit.tables import ask

_MOST_OVERDUE = 100

# Columns, not objects of the table's class, and built once: every standing asks it.
_APPEAL: Table = AppealRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_OF_SANCTIONS = sa_select(_APPEAL).where(_APPEAL.c.sanction_id.in_(bindparam("sanction_ids", expanding=True)))


def add(session: Session, appeal: Appeal, sanction: Sanction) -> None:
    """Stores a filed appeal, with who had a part in the sanction."""
    assert sanction.appeal_end is not None  # noqa: S101 - a sanction that can be appealed has a window
    session.add(
        AppealRow(
            appeal_id=appeal.appeal_id,
            sanction_id=appeal.sanction_id,
            issuer=sanction.issuer,
            approver=sanction.approver,
            reporter_account_id=sanction.reporter_account_id,
            appeal_end=sanction.appeal_end,
            state=appeal.state,
            appellant_account_id=appeal.appellant_account_id,
            grounds=",".join(appeal.grounds),
            statement=appeal.statement,
            filed_at=appeal.filed_at,
            due_at=appeal.due,
            remedy_sought=appeal.remedy_sought,
            wants_suspension=appeal.wants_suspension,
        )
    )
    session.flush()
    _keep_evidence(session, appeal)


def update(session: Session, appeal: Appeal) -> None:
    """Stores what became of an appeal; what was filed never changes."""
    row = session.get_one(AppealRow, appeal.appeal_id)
    if appeal.reviewer and appeal.reviewer.staff_id != row.reviewer:
        session.add(CasePartRow(sanction_id=row.sanction_id, staff_id=appeal.reviewer.staff_id, part=REVIEWER))
        session.flush()
    row.state = appeal.state
    row.reviewer = appeal.reviewer.staff_id if appeal.reviewer else None
    row.reviewer_account_id = appeal.reviewer.account_id if appeal.reviewer else ""
    row.outcome, row.reasons, row.decided_at = appeal.outcome, appeal.reasons, appeal.decided_at
    if appeal.prolongation:
        row.prolonged_until, row.prolongation_reasons = appeal.prolongation.until, appeal.prolongation.reasons
    session.add(row)
    for position, question in enumerate(appeal.questions):
        session.merge(
            AppealQuestionRow(
                appeal_id=appeal.appeal_id,
                position=position,
                question=question.text,
                asked_at=question.asked_at,
                answer=question.answer,
                answered_at=question.answered_at,
            )
        )
    session.flush()
    for staff_id, part in appeal.parts.items():
        if staff_id != row.reviewer:
            session.merge(CasePartRow(sanction_id=appeal.sanction_id, staff_id=staff_id, part=part))
    _keep_evidence(session, appeal)


def get(session: Session, appeal_id: str) -> Appeal:
    """The appeal by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(AppealRow, appeal_id)
    if row is None:
        raise Refusal.not_found("appeal", appeal_id)
    return _appeal(session, row)


def of_sanctions(session: Session, sanction_ids: Iterable[str]) -> list[Appeal]:
    """The appeals against some sanctions."""
    rows = ask(session, _OF_SANCTIONS, {"sanction_ids": list(sanction_ids)})
    return [_appeal(session, row) for row in rows.all()]


def overdue(session: Session, *, at: datetime, after: str, size: int) -> list[Appeal]:
    """Open appeals whose deadline has passed, after an appeal id, oldest first, at most `size`."""
    query = (
        select(AppealRow)
        .where(col(AppealRow.state).in_([state for state in AppealState if not state.ended]), AppealRow.due_at <= at)
        .where(col(AppealRow.appeal_id) > after)
        .order_by(col(AppealRow.appeal_id))
        .limit(size)
    )
    return [_appeal(session, row) for row in session.exec(query)]


def overdue_untold(session: Session, at: datetime) -> list[str]:
    """Ids of open appeals against sanctions in force whose deadline has passed without a letter, at most 100."""
    told = exists().where(
        col(LetterRow.sanction_id) == col(AppealRow.sanction_id), col(LetterRow.kind) == LetterKind.APPEAL_OVERDUE
    )
    query = (
        select(AppealRow.appeal_id)
        .join(SanctionRow, col(SanctionRow.sanction_id) == col(AppealRow.sanction_id))
        .where(col(AppealRow.state).in_([state for state in AppealState if not state.ended]), AppealRow.due_at <= at)
        .where(SanctionRow.state == SanctionState.IN_FORCE, ~told)
        .order_by(col(AppealRow.due_at), col(AppealRow.appeal_id))
        .limit(_MOST_OVERDUE)
    )
    return list(session.exec(query))


def waiting(session: Session) -> list[str]:
    """Ids of the appeals that wait for a reviewer, oldest first."""
    query = select(AppealRow.appeal_id).where(AppealRow.state == AppealState.FILED)
    return list(session.exec(query.order_by(col(AppealRow.due_at), col(AppealRow.appeal_id))))


def announce(session: Session, reviewer: Reviewer, *, ready: bool, at: datetime) -> datetime:
    """Puts a reviewer on the roster with their account of today, or takes them off; returns since when that holds."""
    row = session.get(RosterRow, reviewer.staff_id)
    if row is None:
        row = RosterRow(staff_id=reviewer.staff_id, account_id="", joined_at=at, left_at=at)
        session.add(row)
    row.account_id = reviewer.account_id
    if ready and row.left_at is not None:
        row.joined_at, row.left_at = at, None
    elif not ready and row.left_at is None:
        row.left_at = at
    session.flush()
    return row.left_at or row.joined_at


def roster(session: Session) -> list[Reviewer]:
    """Who is on the roster: the fewest open appeals first, of equals who has been on it longest."""
    load = dict(
        session.exec(
            select(AppealRow.reviewer, func.count())
            .where(col(AppealRow.state).in_([state for state in AppealState if state.reviewed]))
            .group_by(col(AppealRow.reviewer))
        ).all()
    )
    rows = session.exec(select(RosterRow).where(col(RosterRow.left_at).is_(None))).all()
    ranked = sorted(rows, key=lambda row: (load.get(row.staff_id, 0), row.joined_at, row.staff_id))
    return [Reviewer(row.staff_id, row.account_id) for row in ranked]


def _keep_evidence(session: Session, appeal: Appeal) -> None:
    for item in appeal.evidence:
        session.merge(AppealEvidenceRow(appeal_id=appeal.appeal_id, sha256=item.sha256, observed_at=item.observed_at))
    session.flush()


def _appeal(session: Session, row: AppealRow | Row[Any]) -> Appeal:
    evidence = session.exec(
        select(AppealEvidenceRow)
        .where(AppealEvidenceRow.appeal_id == row.appeal_id)
        .order_by(col(AppealEvidenceRow.observed_at), col(AppealEvidenceRow.sha256))
    )
    return Appeal(
        appeal_id=row.appeal_id,
        sanction_id=row.sanction_id,
        state=AppealState(row.state),
        appellant_account_id=row.appellant_account_id,
        grounds=tuple(AppealGround(ground) for ground in row.grounds.split(",")),
        statement=row.statement,
        evidence=tuple(Evidence(item.sha256, item.observed_at) for item in evidence),
        filed_at=row.filed_at,
        due=row.due_at,
        reviewer=Reviewer(row.reviewer, row.reviewer_account_id) if row.reviewer else None,
        outcome=AppealOutcome(row.outcome) if row.outcome else None,
        reasons=row.reasons,
        decided_at=row.decided_at,
        remedy_sought=row.remedy_sought,
        wants_suspension=row.wants_suspension,
        questions=tuple(
            Question(item.question, item.asked_at, item.answer, item.answered_at)
            for item in session.exec(
                select(AppealQuestionRow)
                .where(AppealQuestionRow.appeal_id == row.appeal_id)
                .order_by(col(AppealQuestionRow.position))
            )
        ),
        prolongation=Prolongation(row.prolongation_reasons, row.prolonged_until) if row.prolonged_until else None,
        parts={
            staff_id: Conflict(part)
            for staff_id, part in session.exec(
                select(CasePartRow.staff_id, CasePartRow.part)
                .where(CasePartRow.sanction_id == row.sanction_id, CasePartRow.part != REVIEWER)
                .order_by(col(CasePartRow.staff_id))
            )
        },
    )
