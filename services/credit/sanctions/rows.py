"""Sanctions as rows of their tables, and back."""

from dataclasses import asdict, fields

from policies.pack import Category, Ground, MeasureKind
from services.credit.sanctions.domain import (
    Capacity,
    DutyBreach,
    Evidence,
    Lift,
    Measure,
    PinnedRule,
    PriorDecision,
    Rectified,
    Sanction,
    SanctionState,
    SourceType,
    Statement,
    Variation,
)
from services.credit.sanctions.models import (
    EvidenceRow,
    LiftRow,
    MeasureRow,
    PriorDecisionRow,
    SanctionRow,
    StatementRow,
)
from services.credit.subjects import Subject, SubjectKind


def sanction_of(
    row: SanctionRow,
    *,
    statement: Statement,
    measures: list[MeasureRow],
    lift: LiftRow | None,
    variation: Variation | None,
    rectified: Rectified | None,
) -> Sanction:
    """The sanction that its rows hold."""
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
        variation=variation,
        rectified=rectified,
        end_recorded_at=row.end_recorded_at,
        interim_until=row.interim_until,
        register_again=row.register_again_at,
        lift=Lift(lift.lifted_at, lift.lifter, lift.reasons, lift.decision_id or "") if lift else None,
    )


def statement_of(row: StatementRow, *, evidence: list[EvidenceRow], priors: list[PriorDecisionRow]) -> Statement:
    """The statement of reasons that its rows hold."""
    breach = None
    if row.duty_notice_id and row.duty_group_id and row.duty_served_at and row.duty_cure_end:
        breach = DutyBreach(row.duty_notice_id, row.duty_group_id, row.duty_served_at, row.duty_cure_end)
    return Statement(
        rule=pinned_rule(row),
        facts=row.facts,
        explanation=row.explanation,
        act_at=row.act_at,
        evidence=tuple(Evidence(item.sha256, item.observed_at) for item in evidence),
        proportionality_note=row.proportionality_note,
        how_to_restore=row.how_to_restore,
        materials_needed=row.materials_needed,
        prior_decisions=tuple(PriorDecision(item.prior_sanction_id, item.points, item.points_end) for item in priors),
        duty_breach=breach,
        steps_skipped=row.steps_skipped,
        step_justification=row.step_justification,
        source=SourceType(row.source),
        late=row.late,
    )


def pinned_rule(row: StatementRow) -> PinnedRule:
    """The rule that a statement holds."""
    rule = {field.name: getattr(row, field.name) for field in fields(PinnedRule)}
    return PinnedRule(**rule | {"ground": Ground(row.ground), "category": Category(row.category)})


def sanction_row(sanction: Sanction) -> SanctionRow:
    """The row of a sanction, without its statement and its measures."""
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
        approver=sanction.approver if sanction.approved_at else None,
        approved_at=sanction.approved_at,
        start_at=sanction.start,
        end_at=sanction.end,
        review_at=sanction.review,
        points_end=sanction.points_end,
        appeal_end=sanction.appeal_end,
        overturning_appeal_id=sanction.overturning_appeal_id or None,
        end_recorded_at=sanction.end_recorded_at,
        interim_until=sanction.interim_until,
        register_again_at=sanction.register_again,
    )


def statement_row(sanction_id: str, statement: Statement) -> StatementRow:
    """The row of a statement, without its evidence and what it rests on."""
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
        steps_skipped=statement.steps_skipped,
        step_justification=statement.step_justification,
        source=statement.source,
        late=statement.late,
        duty_notice_id=breach.notice_id if breach else None,
        duty_group_id=breach.group_id if breach else None,
        duty_served_at=breach.served_at if breach else None,
        duty_cure_end=breach.cure_end if breach else None,
    )
