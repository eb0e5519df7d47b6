"""Sanctions as messages of the contract, and proposals from them."""

from collections.abc import Iterable
from datetime import datetime

from chassis import enums
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2
from policies.pack import MeasureKind
from services.credit import wire
from services.credit.sanctions import rectification
from services.credit.sanctions.domain import Capacity, Measure, Reasons, Sanction, Statement
from services.credit.sanctions.proposal import Proposal
from services.credit.standings.domain import Stay


def proposal(request: pb.ProposeSanctionRequest, *, issuer: str) -> Proposal:
    """What a request proposes."""
    return Proposal(
        subject=wire.subject(request.subject),
        capacity=enums.value_of(types_pb2.Capacity, Capacity, request.capacity),
        group_id=request.group_id,
        reasons=_reasons(request.reasons),
        measures=tuple(
            Measure(
                kind=enums.value_of(types_pb2.MeasureKind, MeasureKind, measure.kind),
                end=wire.instant(measure, "end_time"),
                review=wire.instant(measure, "review_time"),
            )
            for measure in request.measures
        ),
        points=request.points,
        tip_off_id=request.tip_off_id,
        duty_notice_id=request.duty_notice_id,
        reporter_account_id=request.reporter_account_id,
        issuer=issuer,
        register_again=wire.instant(request, "register_again_time"),
    )


def interim(request: pb.ImposeInterimMeasureRequest, *, issuer: str) -> Proposal:
    """What a request imposes for the time being."""
    kinds = tuple(enums.value_of(types_pb2.MeasureKind, MeasureKind, number) for number in request.kinds)
    until = wire.instant(request, "until_time")
    return Proposal(
        subject=wire.subject(request.subject),
        capacity=enums.value_of(types_pb2.Capacity, Capacity, request.capacity),
        group_id=request.group_id,
        reasons=_reasons(request.reasons),
        measures=tuple(Measure(kind, until, None) for kind in kinds),
        points=0,
        tip_off_id=request.tip_off_id,
        duty_notice_id="",
        reporter_account_id=request.reporter_account_id,
        issuer=issuer,
    )


def varied_ends(measures: Iterable[pb.VariedMeasure]) -> dict[MeasureKind, datetime]:
    """The new ends that a request asks for."""
    return {
        enums.value_of(types_pb2.MeasureKind, MeasureKind, measure.kind): end
        for measure in measures
        if (end := wire.instant(measure, "end_time"))
    }


def sanction_message(sanction: Sanction, *, stay: Stay | None, at: datetime) -> pb.Sanction:
    """The message of a sanction at an instant. Names neither staff nor a reporter."""
    return pb.Sanction(
        sanction_id=sanction.sanction_id,
        state=enums.number(pb.SanctionState, sanction.state_at(at)),
        subject=wire.subject_message(sanction.subject),
        capacity=enums.number(types_pb2.Capacity, sanction.capacity),
        group_id=sanction.group_id,
        statement=_statement_message(sanction.statement),
        measures=measure_messages(sanction.terms),
        register_again_time=wire.timestamp(sanction.register_again),
        points=sanction.points,
        points_end_time=wire.timestamp(sanction.points_end),
        propose_time=wire.timestamp(sanction.proposed_at),
        approve_time=wire.timestamp(sanction.approved_at),
        start_time=wire.timestamp(sanction.start),
        end_time=wire.timestamp(sanction.end),
        review_time=wire.timestamp(sanction.review),
        appeal_end_time=wire.timestamp(sanction.appeal_end),
        stayed_from_time=wire.timestamp(stay.open_from) if stay else None,
        overturning_appeal_id=sanction.overturning_appeal_id,
        lift_time=wire.timestamp(sanction.lift.at) if sanction.lift else None,
        lift_reasons=sanction.lift.reasons if sanction.lift else "",
        vary_time=wire.timestamp(sanction.variation.at) if sanction.variation else None,
        vary_reasons=sanction.variation.reasons if sanction.variation else "",
        end_record_time=wire.timestamp(None if sanction.lift else sanction.end_recorded_at),
        interim_until_time=wire.timestamp(sanction.interim_until),
        rectification=enums.number(pb.RectificationState, rectification.state_of(sanction, stay, at)),
        rectify_time=wire.timestamp(sanction.rectified.at if sanction.rectified else None),
        replacing_sanction_id=sanction.lift.decision_id if sanction.lift else "",
    )


def measure_messages(measures: Iterable[Measure]) -> list[pb.Measure]:
    """Measures with their ends."""
    return [
        pb.Measure(
            kind=enums.number(types_pb2.MeasureKind, measure.kind),
            end_time=wire.timestamp(measure.end),
            review_time=wire.timestamp(measure.review),
        )
        for measure in measures
    ]


def reasons_message(statement: Statement) -> pb.Reasons:
    """What was stated when the sanction was proposed."""
    return pb.Reasons(
        rule_id=statement.rule.rule_id,
        facts=statement.facts,
        explanation=statement.explanation,
        act_time=wire.timestamp(statement.act_at),
        evidence=wire.evidence_messages(statement.evidence),
        proportionality_note=statement.proportionality_note,
        how_to_restore=statement.how_to_restore,
        materials_needed=statement.materials_needed,
        step_justification=statement.step_justification,
    )


def _reasons(message: pb.Reasons) -> Reasons:
    return Reasons(
        rule_id=message.rule_id,
        facts=message.facts,
        explanation=message.explanation,
        act_at=wire.instant(message, "act_time"),
        evidence=wire.evidence(message.evidence),
        proportionality_note=message.proportionality_note,
        how_to_restore=message.how_to_restore,
        materials_needed=message.materials_needed,
        step_justification=message.step_justification,
    )


def _statement_message(statement: Statement) -> pb.StatementOfReasons:
    rule, breach = statement.rule, statement.duty_breach
    return pb.StatementOfReasons(
        reasons=reasons_message(statement),
        policy=types_pb2.PolicyVersion(
            policy_id=rule.policy_id, version=rule.policy_version, content_hash=rule.policy_hash
        ),
        rule_title=rule.title,
        article=rule.article,
        clause=rule.clause,
        clause_hash=rule.clause_hash,
        ground=enums.number(types_pb2.Ground, rule.ground),
        category=enums.number(types_pb2.Category, rule.category),
        source_type=enums.number(pb.SourceType, statement.source),
        automated_detection=False,
        automated_decision=False,
        prior_decisions=[
            pb.PriorDecision(
                sanction_id=prior.sanction_id, points=prior.points, points_end_time=wire.timestamp(prior.points_end)
            )
            for prior in statement.prior_decisions
        ],
        duty_breach=pb.DutyBreach(
            notice_id=breach.notice_id,
            group_id=breach.group_id,
            serve_time=wire.timestamp(breach.served_at),
            cure_end_time=wire.timestamp(breach.cure_end),
        )
        if breach
        else None,
        appeal_window_days=rule.appeal_window_days,
        appeal_decision_days=rule.appeal_decision_days,
        steps_skipped=statement.steps_skipped,
        late=statement.late,
    )
