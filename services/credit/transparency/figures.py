"""Exact counts of decisions, appeals and referrals over a period; the domain says what is published of them."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, or_, select

from chassis.db.medians import median_time
from services.credit.appeals.domain import AppealOutcome, AppealState
from services.credit.appeals.models import AppealRow
from services.credit.quality.domain import agree
from services.credit.quality.models import BlindReviewRow
from services.credit.referrals.models import ReferralCertificateRow, ReferralRow
from services.credit.sanctions.models import MeasureRow, SanctionRow, StatementRow
from services.credit.transparency.domain import Period

# A destroyed referral counts by its certificate.
_REFERRALS: tuple[type[ReferralRow | ReferralCertificateRow], ...] = (ReferralRow, ReferralCertificateRow)


@dataclass
class RuleCounts:
    """What one rule led to."""

    decisions: int = 0
    outcomes: dict[AppealOutcome, int] = field(default_factory=dict)
    blind_reviews: int = 0
    agreed: int = 0


@dataclass(frozen=True)
class Counts:
    """The counts of a period; medians are None if there is no case."""

    decisions: int
    late: int
    interim: int
    grounds: dict[str, int]
    categories: dict[str, int]
    sources: dict[str, int]
    measures: dict[str, int]
    time_to_effect: timedelta | None
    appeals_filed: int
    appeals_ended: dict[str, int]
    appeals_decided: int
    appeals_overdue: int
    time_to_decide: timedelta | None
    referrals_approved: int
    referral_outcomes: dict[str, int]
    rules: dict[str, RuleCounts]


def counts(session: Session, period: Period) -> Counts:
    """The counts of a period, as the database stands now."""
    effective = _within(SanctionRow.start_at, period)
    ended = _within(AppealRow.decided_at, period)
    decided = (ended, col(AppealRow.state) == AppealState.DECIDED)
    late = or_(col(AppealRow.decided_at).is_(None), col(AppealRow.decided_at) > AppealRow.due_at)
    by_rule = _by_rule(session, period, effective, *decided)
    outcomes = _grouped(session, AppealRow.outcome, *decided)
    closed = _grouped(session, AppealRow.state, ended, col(AppealRow.state) != AppealState.DECIDED)
    sources = _of_statements(session, StatementRow.source, effective)
    overdue = _of_statements(session, StatementRow.source, effective, col(StatementRow.late).is_(True))
    return Counts(
        decisions=sum(sources.values()),
        late=sum(overdue.values()),
        interim=_count(session, SanctionRow, effective, col(SanctionRow.interim_until).is_not(None)),
        grounds=_of_statements(session, StatementRow.ground, effective),
        categories=_of_statements(session, StatementRow.category, effective),
        sources=sources,
        measures=_of_measures(session, effective),
        time_to_effect=median_time(session, SanctionRow.proposed_at, SanctionRow.start_at, effective),
        appeals_filed=_count(session, AppealRow, _within(AppealRow.filed_at, period)),
        appeals_ended=outcomes | closed,
        appeals_decided=sum(outcomes.values()),
        appeals_overdue=_count(session, AppealRow, _within(AppealRow.due_at, period), late),
        time_to_decide=median_time(session, AppealRow.filed_at, AppealRow.decided_at, *decided),
        referrals_approved=sum(_count(session, kept, _within(kept.approved_at, period)) for kept in _REFERRALS),
        referral_outcomes=_referral_outcomes(session, period),
        rules=by_rule,
    )


def _within(column: datetime | None, period: Period) -> ColumnElement[bool]:
    return (col(column) >= period.start) & (col(column) < period.end)


def _referral_outcomes(session: Session, period: Period) -> dict[str, int]:
    outcomes: Counter[str] = Counter()
    for kept in _REFERRALS:
        outcomes.update(_grouped(session, kept.outcome, _within(kept.outcome_at, period)))
    return dict(outcomes)


def _count(
    session: Session,
    table: type[SanctionRow | AppealRow | ReferralRow | ReferralCertificateRow],
    *among: ColumnElement[bool],
) -> int:
    return session.exec(select(func.count()).select_from(table).where(*among)).one()


def _grouped(session: Session, column: str | None, *among: ColumnElement[bool]) -> dict[str, int]:
    query = select(column, func.count()).where(*among).group_by(col(column))
    return {name: number for name, number in session.exec(query) if name}


def _of_statements(session: Session, column: str, *among: ColumnElement[bool]) -> dict[str, int]:
    query = select(column, func.count()).join(SanctionRow, col(SanctionRow.sanction_id) == StatementRow.sanction_id)
    return dict(session.exec(query.where(*among).group_by(col(column))).all())


def _of_measures(session: Session, effective: ColumnElement[bool]) -> dict[str, int]:
    query = select(MeasureRow.kind, func.count()).join(
        SanctionRow, col(SanctionRow.sanction_id) == MeasureRow.sanction_id
    )
    return dict(session.exec(query.where(effective).group_by(col(MeasureRow.kind))).all())


def _by_rule(
    session: Session, period: Period, effective: ColumnElement[bool], *decided: ColumnElement[bool]
) -> dict[str, RuleCounts]:
    rules: defaultdict[str, RuleCounts] = defaultdict(RuleCounts)
    for rule_id, number in _of_statements(session, StatementRow.rule_id, effective).items():
        rules[rule_id].decisions = number
    query = (
        select(StatementRow.rule_id, AppealRow.outcome, func.count())
        .join(AppealRow, col(AppealRow.sanction_id) == StatementRow.sanction_id)
        .where(*decided)
        .group_by(col(StatementRow.rule_id), col(AppealRow.outcome))
    )
    for rule_id, outcome, number in session.exec(query):
        if outcome:
            rules[rule_id].outcomes[AppealOutcome(outcome)] = number
    for rule_id, first, second, number in _second_looks(session, period):
        rules[rule_id].blind_reviews += number
        rules[rule_id].agreed += number if agree(first, second) else 0
    return dict(sorted(rules.items()))


def _second_looks(session: Session, period: Period) -> list[tuple[str, AppealOutcome, AppealOutcome, int]]:
    query = (
        select(StatementRow.rule_id, AppealRow.outcome, BlindReviewRow.outcome, func.count())
        .join(AppealRow, col(AppealRow.sanction_id) == StatementRow.sanction_id)
        .join(BlindReviewRow, col(BlindReviewRow.appeal_id) == AppealRow.appeal_id)
        .where(_within(BlindReviewRow.recorded_at, period))
        .group_by(col(StatementRow.rule_id), col(AppealRow.outcome), col(BlindReviewRow.outcome))
    )
    return [
        (rule_id, AppealOutcome(first), AppealOutcome(second), number)
        for rule_id, first, second, number in session.exec(query)
        if first and second
    ]
