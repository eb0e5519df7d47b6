"""Queries that show whether decisions are made as the rules demand: cases, and those that are as they have to be."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, ColumnElement, and_, exists, func, or_, true, type_coerce
from sqlmodel import Session, SQLModel, col, select

from chassis.db.medians import median_time
from policies.pack import SIX_MONTHS_DAYS
from services.credit.appeals.domain import AppealState
from services.credit.appeals.models import AppealRow
from services.credit.blacklist.models import BlacklistRow
from services.credit.policies.models import PolicyRow
from services.credit.referrals.models import ReferralRow
from services.credit.sanctions.models import MeasureRow, NoticeRow, SanctionRow, StatementRow
from services.credit.subjects import Subject, SubjectKind
from services.credit.tables import DAY_MICROSECONDS


class EvidenceKind(StrEnum):
    """What this service counts of its own."""

    STATEMENTS = "STATEMENTS"
    NOTICES = "NOTICES"
    SECOND_PERSONS = "SECOND_PERSONS"
    ENDS = "ENDS"
    PINNED_RULES = "PINNED_RULES"
    APPEAL_WINDOWS = "APPEAL_WINDOWS"
    APPEALS = "APPEALS"
    REVIEWERS = "REVIEWERS"
    BLACKLIST_TERMS = "BLACKLIST_TERMS"
    REFERRALS = "REFERRALS"
    PUBLICATIONS = "PUBLICATIONS"


@dataclass(frozen=True)
class Evidence:
    """Cases of a kind, those that are as they have to be, and the median time that they took if it is known."""

    found: int
    kept: int
    median: timedelta | None = None


_EVER_IN_FORCE = col(SanctionRow.start_at).is_not(None)
_TEXTS = (StatementRow.facts, StatementRow.explanation, StatementRow.proportionality_note, StatementRow.how_to_restore)


def collect(session: Session, at: datetime) -> dict[EvidenceKind, Evidence]:
    """The evidence of each kind, as it stands at the present instant."""
    return {kind: query(session, at) for kind, query in _QUERIES.items()}


def latest_subject(session: Session) -> Subject | None:
    """Whom the latest sanction in force concerns."""
    query = select(SanctionRow.subject_kind, SanctionRow.subject_id).where(_EVER_IN_FORCE)
    row = session.exec(query.order_by(col(SanctionRow.start_at).desc()).limit(1)).first()
    return None if row is None else Subject(SubjectKind(row[0]), row[1])


def _statements(session: Session, _at: datetime) -> Evidence:
    stated = and_(*(func.length(func.trim(col(text))) > 0 for text in _TEXTS))
    whole = exists().where(col(StatementRow.sanction_id) == col(SanctionRow.sanction_id), stated)
    return _count(session, SanctionRow, _EVER_IN_FORCE, whole)


def _notices(session: Session, _at: datetime) -> Evidence:
    in_time = exists().where(
        col(NoticeRow.sanction_id) == col(SanctionRow.sanction_id),
        col(NoticeRow.delivered_at) <= col(SanctionRow.start_at),
    )
    counted = _count(session, SanctionRow, _EVER_IN_FORCE, in_time)
    median = median_time(session, SanctionRow.proposed_at, SanctionRow.start_at)
    return Evidence(counted.found, counted.kept, median)


def _second_persons(session: Session, _at: datetime) -> Evidence:
    # An interim measure is one person's by right, and shows nothing of a second one.
    decided = and_(_EVER_IN_FORCE, col(SanctionRow.interim_until).is_(None))
    return _count(session, SanctionRow, decided, col(SanctionRow.approver) != col(SanctionRow.issuer))


def _ends(session: Session, _at: datetime) -> Evidence:
    in_force = exists().where(col(SanctionRow.sanction_id) == col(MeasureRow.sanction_id), _EVER_IN_FORCE)
    bounded = or_(col(MeasureRow.end_at).is_not(None), col(MeasureRow.review_at).is_not(None))
    return _count(session, MeasureRow, in_force, bounded)


def _pinned_rules(session: Session, _at: datetime) -> Evidence:
    pinned = exists().where(
        col(StatementRow.sanction_id) == col(SanctionRow.sanction_id),
        col(StatementRow.act_at) >= col(StatementRow.policy_effective_at),
        exists().where(col(PolicyRow.content_hash) == col(StatementRow.policy_hash)),
    )
    return _count(session, SanctionRow, _EVER_IN_FORCE, pinned)


def _appeal_windows(session: Session, _at: datetime) -> Evidence:
    start, end = (type_coerce(col(each), BigInteger) for each in (NoticeRow.delivered_at, NoticeRow.appeal_end))
    long_enough = end - start >= SIX_MONTHS_DAYS * DAY_MICROSECONDS
    return _count(session, NoticeRow, col(NoticeRow.delivered_at).is_not(None), long_enough)


def _appeals(session: Session, at: datetime) -> Evidence:
    due = func.coalesce(col(AppealRow.prolonged_until), col(AppealRow.due_at))
    ended = col(AppealRow.decided_at).is_not(None)
    counted = _count(session, AppealRow, or_(ended, due <= at), and_(ended, col(AppealRow.decided_at) <= due))
    decided = col(AppealRow.state) == AppealState.DECIDED
    median = median_time(session, AppealRow.filed_at, AppealRow.decided_at, decided)
    return Evidence(counted.found, counted.kept, median)


def _reviewers(session: Session, _at: datetime) -> Evidence:
    other = and_(
        col(AppealRow.reviewer) != col(AppealRow.issuer),
        col(AppealRow.reviewer) != col(AppealRow.approver),
    )
    return _count(session, AppealRow, col(AppealRow.state) == AppealState.DECIDED, other)


def _blacklist_terms(session: Session, _at: datetime) -> Evidence:
    return _count(session, BlacklistRow, true(), col(BlacklistRow.end_at).is_not(None))


def _referrals(session: Session, _at: datetime) -> Evidence:
    approved = col(ReferralRow.approved_at).is_not(None)
    return _count(session, ReferralRow, approved, col(ReferralRow.approver) != col(ReferralRow.proposer))


def _publications(session: Session, _at: datetime) -> Evidence:
    first = select(func.min(PolicyRow.publication_id)).scalar_subquery()
    founding = col(PolicyRow.publication_id) == first
    by_two = col(PolicyRow.proposal_id).is_not(None)
    return _count(session, PolicyRow, true(), or_(founding, by_two))


_QUERIES: dict[EvidenceKind, Callable[[Session, datetime], Evidence]] = {
    EvidenceKind.STATEMENTS: _statements,
    EvidenceKind.NOTICES: _notices,
    EvidenceKind.SECOND_PERSONS: _second_persons,
    EvidenceKind.ENDS: _ends,
    EvidenceKind.PINNED_RULES: _pinned_rules,
    EvidenceKind.APPEAL_WINDOWS: _appeal_windows,
    EvidenceKind.APPEALS: _appeals,
    EvidenceKind.REVIEWERS: _reviewers,
    EvidenceKind.BLACKLIST_TERMS: _blacklist_terms,
    EvidenceKind.REFERRALS: _referrals,
    EvidenceKind.PUBLICATIONS: _publications,
}


def _count(session: Session, table: type[SQLModel], among: ColumnElement[bool], kept: ColumnElement[bool]) -> Evidence:
    query = select(func.count(), func.count().filter(kept)).select_from(table).where(among)
    found, as_demanded = session.exec(query).one()
    return Evidence(found, as_demanded)
