"""Queries of sanctions: a sanction is read and written whole, with its statement, its measures and its grounds."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import BindParameter, Table, and_, bindparam
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, or_, select

from chassis.refusal import Refusal
from policies.pack import MeasureKind
from services.credit.sanctions.domain import Measure, PinnedRule, Rectified, Sanction, SanctionState, Variation, term
from services.credit.sanctions.ladder import step_of
from services.credit.sanctions.models import (
    EvidenceRow,
    LiftRow,
    MeasureRow,
    NoticeRow,
    PriorDecisionRow,
    RectificationRow,
    SanctionRow,
    StatementRow,
    VariationRow,
    VariedMeasureRow,
)
from services.credit.sanctions.rows import pinned_rule, sanction_of, sanction_row, statement_of, statement_row
from services.credit.subjects import Subject, SubjectKind
from services.credit.tables import ask, asked_for, of_asked

_MOST_ENDED = 100
_MOST_DUE = 100

R = TypeVar("R", EvidenceRow, MeasureRow, PriorDecisionRow)

# Columns, not objects of the tables' classes, and built once: both cost more than what the database does.
_SANCTION: Table = SanctionRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_MEASURE: Table = MeasureRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_PRIOR: Table = PriorDecisionRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_VARIED: Table = VariedMeasureRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_LIFT: Table = LiftRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_ASKED: BindParameter[str] = bindparam("sanction_ids", expanding=True)
_SUBJECTS = sa_select(_SANCTION.c.sanction_id, _SANCTION.c.subject_kind, _SANCTION.c.subject_id).where(
    _SANCTION.c.sanction_id.in_(_ASKED)
)
_GROUNDS = sa_select(_PRIOR.c.sanction_id, _PRIOR.c.prior_sanction_id).where(_PRIOR.c.sanction_id.in_(_ASKED))
_TERMS = (
    sa_select(
        *(_SANCTION.c.subject_kind, _SANCTION.c.subject_id, _SANCTION.c.sanction_id, _SANCTION.c.start_at),
        *(_MEASURE.c.kind, _MEASURE.c.end_at, _MEASURE.c.review_at),
        *(_VARIED.c.end_at, _LIFT.c.lifted_at, _SANCTION.c.interim_until),
    )
    .join_from(_SANCTION, _MEASURE, _MEASURE.c.sanction_id == _SANCTION.c.sanction_id)
    .outerjoin(_VARIED, and_(_VARIED.c.sanction_id == _MEASURE.c.sanction_id, _VARIED.c.kind == _MEASURE.c.kind))
    .outerjoin(_LIFT, _LIFT.c.sanction_id == _SANCTION.c.sanction_id)
    .where(_SANCTION.c.state == SanctionState.IN_FORCE, of_asked(_SANCTION.c))
    .order_by(_SANCTION.c.sanction_id, _MEASURE.c.kind)
)


@dataclass(frozen=True)
class DueNotice:
    """A notice that waits for delivery, and the trace of the approval that made it."""

    sanction: Sanction
    traceparent: str


@dataclass(frozen=True)
class Term:
    """A measure of a sanction that was in force, as it runs."""

    subject: Subject
    sanction_id: str
    start: datetime
    measure: Measure


def add(session: Session, sanction: Sanction) -> None:
    """Stores a proposed sanction."""
    sanction_id, statement = sanction.sanction_id, sanction.statement
    session.add(statement_row(sanction_id, statement))
    session.flush()
    session.add(sanction_row(sanction))
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
    session.merge(sanction_row(sanction))
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
    asked = list(sanction_ids)
    rows = session.exec(select(SanctionRow).where(col(SanctionRow.sanction_id).in_(asked)))
    found = {sanction.sanction_id: sanction for sanction in _whole(session, rows)}
    for sanction_id in asked:
        if sanction_id not in found:
            raise Refusal.not_found("sanction", sanction_id)
    return [found[sanction_id] for sanction_id in asked]


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


def subjects_of(session: Session, sanction_ids: Iterable[str]) -> dict[str, Subject]:
    """Whom some sanctions concern, by sanction id; those that do not exist are left out."""
    found = ask(session, _SUBJECTS, {"sanction_ids": set(sanction_ids)})
    return {sanction_id: Subject(SubjectKind(kind), subject_id) for sanction_id, kind, subject_id in found}


def rules_of(session: Session, sanction_ids: Iterable[str]) -> dict[str, PinnedRule]:
    """The rules that some sanctions rest on, as they stood, by sanction id."""
    rows = session.exec(select(StatementRow).where(col(StatementRow.sanction_id).in_(set(sanction_ids))))
    return {row.sanction_id: pinned_rule(row) for row in rows}


def terms_in_force(session: Session, subjects: Iterable[Subject]) -> list[Term]:
    """The measures, as they run, of the sanctions of some subjects that were in force and were not overturned."""
    return [
        Term(
            Subject(SubjectKind(subject_kind), subject_id),
            sanction_id,
            start,
            term(Measure(MeasureKind(kind), end, review), *sooner),
        )
        for asked in asked_for(subjects)
        for subject_kind, subject_id, sanction_id, start, kind, end, review, *sooner in ask(session, _TERMS, asked)
    ]


def founded_on(session: Session, subject: Subject, evidence_set: str) -> str | None:
    """The sanction of a subject that the same evidence already founds; None if there is none."""
    query = select(SanctionRow.sanction_id).where(
        SanctionRow.subject_kind == subject.kind,
        SanctionRow.subject_id == subject.id,
        SanctionRow.evidence_set == evidence_set,
    )
    return session.exec(query).first()


def had_interim(session: Session, subject: Subject, hashes: Collection[str]) -> str:
    """The interim measure or the decision of a subject that a part of the evidence founds already; empty if none."""
    query = (
        select(SanctionRow.sanction_id)
        .join(EvidenceRow, col(EvidenceRow.sanction_id) == col(SanctionRow.sanction_id))
        .where(SanctionRow.subject_kind == subject.kind, SanctionRow.subject_id == subject.id)
        .where(col(EvidenceRow.sha256).in_(hashes))
        .where(or_(col(SanctionRow.interim_until).is_not(None), col(SanctionRow.start_at).is_not(None)))
    )
    return session.exec(query).first() or ""


def interim_measures(session: Session, subject: Subject) -> list[Sanction]:
    """The interim measures of a subject."""
    query = (
        select(SanctionRow)
        .where(SanctionRow.subject_kind == subject.kind, SanctionRow.subject_id == subject.id)
        .where(col(SanctionRow.interim_until).is_not(None))
    )
    return _whole(session, session.exec(query))


def gravest_step(session: Session, subject: Subject) -> int:
    """The step of the gravest measure that was decided against a subject, overturned ones left aside; -1 if none."""
    query = (
        select(MeasureRow.kind)
        .join(SanctionRow, col(SanctionRow.sanction_id) == col(MeasureRow.sanction_id))
        .where(SanctionRow.subject_kind == subject.kind, SanctionRow.subject_id == subject.id)
        .where(SanctionRow.state == SanctionState.IN_FORCE, col(SanctionRow.interim_until).is_(None))
        .distinct()
    )
    return max((step_of(MeasureKind(kind)) for kind in session.exec(query)), default=-1)


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


def grounds_of(session: Session, sanction_ids: Iterable[str]) -> dict[str, set[str]]:
    """For each of some sanctions the ids of all that it rests on, directly or through others."""
    direct: dict[str, set[str]] = {}
    waiting = list(sanction_ids)
    asked = set(waiting)
    while waiting:
        found = ask(session, _GROUNDS, {"sanction_ids": waiting}).all()
        for later, prior in found:
            direct.setdefault(later, set()).add(prior)
        waiting = sorted({prior for _, prior in found} - direct.keys())
    return {each: _reached(direct, each) for each in asked}


def subjects_touched(session: Session, sanction: Sanction) -> set[Subject]:
    """The subjects of a sanction and of those that rest on it."""
    return {sanction.subject, *(each.subject for each in resting_on(session, sanction.sanction_id))}


def overturned_by(session: Session, appeal_id: str) -> list[str]:
    """Ids of the sanctions that fell with an appeal."""
    query = select(SanctionRow.sanction_id).where(SanctionRow.overturning_appeal_id == appeal_id)
    return list(session.exec(query))


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


def due_notices(session: Session, *, after: str = "") -> list[DueNotice]:
    """The notices of approved sanctions that wait for delivery, oldest first, at most 100.

    Args:
        session: Where to look.
        after: The sanction after which to go on.
    """
    query = (
        select(SanctionRow, NoticeRow.traceparent)
        .join(NoticeRow, col(NoticeRow.sanction_id) == col(SanctionRow.sanction_id))
        .where(col(NoticeRow.delivered_at).is_(None), SanctionRow.state == SanctionState.APPROVED)
        .where(col(NoticeRow.sanction_id) > after)
        .order_by(col(NoticeRow.sanction_id))
        .limit(_MOST_DUE)
    )
    rows = list(session.exec(query))
    whole = _whole(session, [row for row, _ in rows])
    return [DueNotice(sanction, traceparent) for sanction, (_, traceparent) in zip(whole, rows, strict=True)]


def _reached(direct: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = {start}
    while waiting:
        waiting = {prior for each in waiting for prior in direct.get(each, ())} - found
        found |= waiting
    return found


def ended(session: Session, at: datetime) -> list[str]:
    """Ids of sanctions that have come to their end by themselves, without a record of it, at most 100."""
    query = (
        select(SanctionRow.sanction_id)
        .where(SanctionRow.state == SanctionState.IN_FORCE, col(SanctionRow.end_recorded_at).is_(None))
        .where(col(SanctionRow.end_at) <= at)
        .order_by(col(SanctionRow.end_at))
        .limit(_MOST_ENDED)
    )
    return list(session.exec(query))


def _whole(session: Session, found: Iterable[SanctionRow]) -> list[Sanction]:
    rows = list(found)
    if not rows:
        return []
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
    lifts = {row.sanction_id: row for row in session.exec(select(LiftRow).where(col(LiftRow.sanction_id).in_(ids)))}
    variations = _variations(session, ids)
    rectified = {
        row.sanction_id: Rectified(row.recorded_at, row.recorder, row.proof_sha256)
        for row in session.exec(select(RectificationRow).where(col(RectificationRow.sanction_id).in_(ids)))
    }
    return [
        sanction_of(
            row,
            lift=lifts.get(row.sanction_id),
            variation=variations.get(row.sanction_id),
            rectified=rectified.get(row.sanction_id),
            statement=statement_of(
                statements[row.sanction_id],
                evidence=evidence[row.sanction_id],
                priors=priors[row.sanction_id],
            ),
            measures=measures[row.sanction_id],
        )
        for row in rows
    ]


def _variations(session: Session, ids: list[str]) -> dict[str, Variation]:
    ends: defaultdict[str, dict[MeasureKind, datetime]] = defaultdict(dict)
    for measure in session.exec(select(VariedMeasureRow).where(col(VariedMeasureRow.sanction_id).in_(ids))):
        ends[measure.sanction_id][MeasureKind(measure.kind)] = measure.end_at
    rows = session.exec(select(VariationRow).where(col(VariationRow.sanction_id).in_(ids)))
    return {row.sanction_id: Variation(row.varied_at, row.varier, row.reasons, ends[row.sanction_id]) for row in rows}


def _by_sanction(rows: Iterable[R]) -> defaultdict[str, list[R]]:
    found: defaultdict[str, list[R]] = defaultdict(list)
    for row in rows:
        found[row.sanction_id].append(row)
    return found
