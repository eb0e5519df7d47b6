"""Queries of sanctions: a sanction is read and written whole, with its statement, its measures and its grounds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from policies.pack import Category, Ground, MeasureKind
from services.credit.sanctions.domain import (
    Capacity,
    DutyBreach,
    Evidence,
    Measure,
    PinnedRule,
    PriorDecision,
    Sanction,
    SanctionState,
    Statement,
)
from services.credit.sanctions.models import (
    EvidenceRow,
    MeasureRow,
    NoticeRow,
    PriorDecisionRow,
    SanctionRow,
    StatementRow,
)
from services.credit.subjects import Subject, SubjectKind

R = TypeVar("R", EvidenceRow, MeasureRow, PriorDecisionRow)


@dataclass(frozen=True)
class DueNotice:
    """A notice that waits for delivery, and the trace of the approval that made it."""

    sanction: Sanction
    traceparent: str


def add(session: Session, sanction: Sanction) -> None:
    """Stores a proposed sanction."""
    sanction_id, statement = sanction.sanction_id, sanction.statement
    session.add(_statement_row(sanction_id, statement))
    session.flush()
    session.add(_sanction_row(sanction))
    session.add_all(
        EvidenceRow(sanction_id=sanction_id, sha256=item.sha256, observed_at=item.observed_at)
        for item in statement.evidence
    )
    session.flush()
    session.add_all(
        MeasureRow(sanction_id=sanction_id, kind=item.kind, end_at=item.end, review_at=item.review)
        for item in sanction.measures
    )
    session.add_all(
        PriorDecisionRow(
            sanction_id=sanction_id,
            prior_sanction_id=prior.sanction_id,
            points=prior.points,
            points_end=prior.points_end,
        )
        for prior in statement.prior_decisions
    )
    session.flush()


def update(session: Session, sanction: Sanction) -> None:
    """Stores the state of a sanction; its statement and its measures never change."""
    session.merge(_sanction_row(sanction))
    session.flush()


def get(session: Session, sanction_id: str) -> Sanction:
    """The sanction by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(SanctionRow, sanction_id)
    if row is None:
        raise Refusal.not_found("sanction", sanction_id)
    return _whole(session, [row])[0]


def get_all(session: Session, sanction_ids: Iterable[str]) -> list[Sanction]:
    """The sanctions by their ids, in the order of the ids given.

    Raises:
        Refusal: NOT_FOUND.
    """
    return [get(session, sanction_id) for sanction_id in sanction_ids]


def of_subject(session: Session, subject: Subject, *, after: str = "", size: int | None = None) -> list[Sanction]:
    """Sanctions of a subject after a sanction id, oldest first, at most `size`."""
    query = (
        select(SanctionRow)
        .where(SanctionRow.subject_kind == subject.kind, SanctionRow.subject_id == subject.id)
        .where(col(SanctionRow.sanction_id) > after)
        .order_by(col(SanctionRow.sanction_id))
        .limit(size)
    )
    return _whole(session, session.exec(query))


def founded_on(session: Session, subject: Subject, evidence_set: str) -> str | None:
    """The sanction of a subject that the same evidence already founds; None if there is none."""
    query = select(SanctionRow.sanction_id).where(
        SanctionRow.subject_kind == subject.kind,
        SanctionRow.subject_id == subject.id,
        SanctionRow.evidence_set == evidence_set,
    )
    return session.exec(query).first()


def resting_on(session: Session, sanction_id: str) -> list[Sanction]:
    """The sanctions that rest on one, directly or through others."""
    found: list[str] = []
    waiting = [sanction_id]
    while waiting:
        query = (
            select(PriorDecisionRow.sanction_id)
            .where(col(PriorDecisionRow.prior_sanction_id).in_(waiting))
            .distinct()
            .order_by(col(PriorDecisionRow.sanction_id))
        )
        waiting = [later for later in session.exec(query) if later not in found]
        found += waiting
    return get_all(session, found)


def overturned_by(session: Session, appeal_id: str) -> list[str]:
    """Ids of the sanctions that fell with an appeal."""
    query = select(SanctionRow.sanction_id).where(SanctionRow.overturning_appeal_id == appeal_id)
    return list(session.exec(query))


def subjects_in_force(session: Session) -> list[Subject]:
    """Every subject of a sanction that was in force and was not overturned."""
    query = (
        select(SanctionRow.subject_kind, SanctionRow.subject_id)
        .where(SanctionRow.state == SanctionState.IN_FORCE)
        .distinct()
        .order_by(SanctionRow.subject_kind, SanctionRow.subject_id)
    )
    return [Subject(SubjectKind(kind), subject_id) for kind, subject_id in session.exec(query)]


def add_notice(session: Session, sanction: Sanction, *, traceparent: str) -> None:
    """Stores the undelivered notice of an approved sanction."""
    assert sanction.approved_at is not None  # noqa: S101 - an approved sanction has the instant
    session.add(NoticeRow(sanction_id=sanction.sanction_id, made_at=sanction.approved_at, traceparent=traceparent))
    session.flush()


def mark_delivered(session: Session, sanction: Sanction) -> None:
    """Stores that the notice of a sanction was delivered at the instant of its entry into force."""
    row = session.get_one(NoticeRow, sanction.sanction_id)
    row.delivered_at, row.appeal_end = sanction.start, sanction.appeal_end
    session.add(row)
    session.flush()


def due_notices(session: Session) -> list[DueNotice]:
    """The notices of approved sanctions that wait for delivery, oldest first."""
    query = (
        select(SanctionRow, NoticeRow.traceparent)
        .join(NoticeRow, col(NoticeRow.sanction_id) == col(SanctionRow.sanction_id))
        .where(col(NoticeRow.delivered_at).is_(None), SanctionRow.state == SanctionState.APPROVED)
        .order_by(col(SanctionRow.sanction_id))
    )
    rows = list(session.exec(query))
    whole = _whole(session, [row for row, _ in rows])
    return [DueNotice(sanction, traceparent) for sanction, (_, traceparent) in zip(whole, rows, strict=True)]


def _whole(session: Session, found: Iterable[SanctionRow]) -> list[Sanction]:
    rows = list(found)
    ids = [row.sanction_id for row in rows]
    statements = {
        row.sanction_id: row for row in session.exec(select(StatementRow).where(col(StatementRow.sanction_id).in_(ids)))
    }
    evidence = _by_sanction(
        session.exec(
            select(EvidenceRow)
            .where(col(EvidenceRow.sanction_id).in_(ids))
            .order_by(col(EvidenceRow.observed_at), col(EvidenceRow.sha256))
        )
    )
    measures = _by_sanction(
        session.exec(select(MeasureRow).where(col(MeasureRow.sanction_id).in_(ids)).order_by(col(MeasureRow.kind)))
    )
    priors = _by_sanction(
        session.exec(
            select(PriorDecisionRow)
            .where(col(PriorDecisionRow.sanction_id).in_(ids))
            .order_by(col(PriorDecisionRow.prior_sanction_id))
        )
    )
    return [
        _sanction(
            row,
            statement=_statement(
                statements[row.sanction_id],
                evidence=evidence[row.sanction_id],
                priors=priors[row.sanction_id],
            ),
            measures=measures[row.sanction_id],
        )
        for row in rows
    ]


def _by_sanction(rows: Iterable[R]) -> defaultdict[str, list[R]]:
    found: defaultdict[str, list[R]] = defaultdict(list)
    for row in rows:
        found[row.sanction_id].append(row)
    return found


def _sanction(row: SanctionRow, *, statement: Statement, measures: list[MeasureRow]) -> Sanction:
    return Sanction(
        sanction_id=row.sanction_id,
        state=SanctionState(row.state),
        subject=Subject(SubjectKind(row.subject_kind), row.subject_id),
        capacity=Capacity(row.capacity),
        group_id=row.group_id,
        statement=statement,
        measures=tuple(Measure(MeasureKind(item.kind), item.end_at, item.review_at) for item in measures),
        points=row.points,
        tip_off_id=row.tip_off_id,
        reporter_account_id=row.reporter_account_id,
        issuer=row.issuer,
        proposed_at=row.proposed_at,
        approver=row.approver or "",
        approved_at=row.approved_at,
        start=row.start_at,
        points_end=row.points_end,
        appeal_end=row.appeal_end,
        overturning_appeal_id=row.overturning_appeal_id or "",
    )


def _statement(row: StatementRow, *, evidence: list[EvidenceRow], priors: list[PriorDecisionRow]) -> Statement:
    rule = {field.name: getattr(row, field.name) for field in fields(PinnedRule)}
    breach = None
    if row.duty_notice_id and row.duty_group_id and row.duty_served_at and row.duty_cure_end:
        breach = DutyBreach(row.duty_notice_id, row.duty_group_id, row.duty_served_at, row.duty_cure_end)
    return Statement(
        rule=PinnedRule(**rule | {"ground": Ground(row.ground), "category": Category(row.category)}),
        facts=row.facts,
        explanation=row.explanation,
        act_at=row.act_at,
        evidence=tuple(Evidence(item.sha256, item.observed_at) for item in evidence),
        proportionality_note=row.proportionality_note,
        how_to_restore=row.how_to_restore,
        materials_needed=row.materials_needed,
        prior_decisions=tuple(PriorDecision(item.prior_sanction_id, item.points, item.points_end) for item in priors),
        duty_breach=breach,
    )


def _sanction_row(sanction: Sanction) -> SanctionRow:
    breach = sanction.statement.duty_breach
    return SanctionRow(
        sanction_id=sanction.sanction_id,
        state=sanction.state,
        subject_kind=sanction.subject.kind,
        subject_id=sanction.subject.id,
        capacity=sanction.capacity,
        group_id=sanction.group_id,
        points=sanction.points,
        evidence_set=sanction.evidence_set,
        tip_off_id=sanction.tip_off_id,
        duty_notice_id=breach.notice_id if breach else None,
        reporter_account_id=sanction.reporter_account_id,
        issuer=sanction.issuer,
        proposed_at=sanction.proposed_at,
        approver=sanction.approver or None,
        approved_at=sanction.approved_at,
        start_at=sanction.start,
        end_at=sanction.end,
        review_at=sanction.review,
        points_end=sanction.points_end,
        appeal_end=sanction.appeal_end,
        overturning_appeal_id=sanction.overturning_appeal_id or None,
    )


def _statement_row(sanction_id: str, statement: Statement) -> StatementRow:
    rule, breach = statement.rule, statement.duty_breach
    return StatementRow(
        sanction_id=sanction_id,
        **asdict(rule),
        facts=statement.facts,
        explanation=statement.explanation,
        act_at=statement.act_at,
        proportionality_note=statement.proportionality_note,
        how_to_restore=statement.how_to_restore,
        materials_needed=statement.materials_needed,
        duty_notice_id=breach.notice_id if breach else None,
        duty_group_id=breach.group_id if breach else None,
        duty_served_at=breach.served_at if breach else None,
        duty_cure_end=breach.cure_end if breach else None,
    )
