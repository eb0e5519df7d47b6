"""Reports and statements as messages of the contract."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from chassis import enums
from ombud.credit.v1 import transparency_service_pb2 as pb
from ombud.groups.v1.figures_service_pb2 import GetTipOffFiguresResponse
from ombud.groups.v1.tipoff_service_pb2 import TipOffOutcome
from ombud.retention.v1.figures_service_pb2 import GetDisclosureFiguresResponse
from services.credit import wire
from services.credit.appeals.domain import AppealOutcome
from services.credit.transparency import domain
from services.credit.transparency.domain import Figure, Period
from services.credit.transparency.figures import Counts, RuleCounts
from services.credit.transparency.statements import DatabaseStatement, statement_of
from services.credit.transparency.store import Erratum, ErratumKind

_OUTCOME = "TIP_OFF_OUTCOME_"


def report_message(
    period: Period,
    counts: Counts,
    tip_offs: GetTipOffFiguresResponse,
    disclosures: GetDisclosureFiguresResponse,
    *,
    at: datetime,
) -> pb.TransparencyReport:
    """The report of a period, from exact counts."""
    return pb.TransparencyReport(
        start_time=wire.timestamp(period.start),
        end_time=wire.timestamp(period.end),
        make_time=wire.timestamp(at),
        decisions=pb.DecisionFigures(
            total=_figure(counts.decisions),
            late=_figure(counts.late),
            interim=_figure(counts.interim),
            by_ground=_named(counts.grounds),
            by_category=_named(counts.categories),
            by_source=_named(counts.sources),
            by_measure=_named(counts.measures),
            median_time=_median(counts.time_to_effect, counts.decisions),
        ),
        appeals=pb.AppealFigures(
            filed=_figure(counts.appeals_filed),
            by_outcome=_named(counts.appeals_ended),
            overdue=_figure(counts.appeals_overdue),
            median_time=_median(counts.time_to_decide, counts.appeals_decided),
        ),
        tip_offs=_tip_off_figures(tip_offs),
        referrals=pb.ReferralFigures(
            approved=_figure(counts.referrals_approved), by_outcome=_named(counts.referral_outcomes)
        ),
        disclosures=pb.DisclosureFigures(
            accesses_requested=_figure(disclosures.accesses_requested),
            accesses_approved=_figure(disclosures.accesses_approved),
            reads=_figure(disclosures.reads),
            holds_approved=_figure(disclosures.holds_approved),
        ),
        rules=[_rule_figures(rule_id, rule) for rule_id, rule in counts.rules.items()],
    )


def statement_message(statement: DatabaseStatement) -> pb.DatabaseStatement:
    """A statement for the database."""
    return pb.DatabaseStatement(**asdict(statement))


def erratum_message(erratum: Erratum) -> pb.Erratum:
    """What became of a statement."""
    fallen = erratum.kind is ErratumKind.OVERTURNED
    return pb.Erratum(
        puid=erratum.sanction.sanction_id,
        kind=enums.number(pb.ErratumKind, erratum.kind),
        date=erratum.at.astimezone(UTC).date().isoformat(),
        corrected=None if fallen else statement_message(statement_of(erratum.sanction)),
    )


def _tip_off_figures(exact: GetTipOffFiguresResponse) -> pb.TipOffFigures:
    median = exact.median_answer_time.ToTimedelta() if exact.HasField("median_answer_time") else None
    return pb.TipOffFigures(
        received=_figure(exact.received),
        answered=_figure(exact.answered),
        overdue=_figure(exact.overdue),
        contested=_figure(exact.contested),
        contests_granted=_figure(exact.contests_granted),
        by_outcome=_named(
            {TipOffOutcome.Name(each.outcome).removeprefix(_OUTCOME): each.count for each in exact.outcomes}
        ),
        median_time=_median(median, exact.answered),
    )


def _rule_figures(rule_id: str, rule: RuleCounts) -> pb.RuleFigures:
    decided = domain.figure(sum(rule.outcomes.values()))
    overturned = domain.figure(sum(number for outcome, number in rule.outcomes.items() if outcome.takes_back))
    blind_reviews, agreed = domain.figure(rule.blind_reviews), domain.figure(rule.agreed)
    return pb.RuleFigures(
        rule_id=rule_id,
        decisions=_figure(rule.decisions),
        appeals_decided=_published(decided),
        overturned=_published(overturned),
        varied=_figure(rule.outcomes.get(AppealOutcome.VARIED, 0)),
        overturn_rate=domain.rate(overturned, decided),
        blind_reviews=_published(blind_reviews),
        agreed=_published(agreed),
        agreement_rate=domain.rate(agreed, blind_reviews),
    )


def _named(parts: Mapping[str, int]) -> list[pb.NamedFigure]:
    return [pb.NamedFigure(name=name, figure=_published(figure)) for name, figure in domain.by_name(parts).items()]


def _figure(count: int) -> pb.Figure:
    return _published(domain.figure(count))


def _published(figure: Figure) -> pb.Figure:
    return pb.Figure(count=figure.count, fewer_than_ten=figure.fewer)


def _median(median: timedelta | None, cases: int) -> Duration | None:
    published = domain.published_time(median, cases)
    if published is None:
        return None
    message = Duration()
    message.FromTimedelta(published)
    return message
