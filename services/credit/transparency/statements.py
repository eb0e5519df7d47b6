"""Statements of reasons in the words of the EU DSA Transparency Database, schema version 2.

What a person typed does not leave: it may name somebody, and nothing here could tell. The texts are those of the policy
pack; the facts are the ones that the suite knows without reading anything.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from policies.pack import Ground, MeasureKind
from services.credit.sanctions.domain import Measure, Sanction, SourceType
from services.credit.subjects import SubjectKind

BATCH = 100
"""So many statements the database takes in one call."""

_GROUND_MOST = 500
_EXPLANATION_MOST = 2000
_LAST_DAY = date(2038, 1, 1)
"""The last end that the schema knows."""

# From the mildest restriction of the service to the gravest.
_PROVISIONS = (
    "DECISION_PROVISION_PARTIAL_SUSPENSION",
    "DECISION_PROVISION_PARTIAL_TERMINATION",
    "DECISION_PROVISION_TOTAL_SUSPENSION",
)
_ON_ACCOUNT = {
    MeasureKind.ACCOUNT_SUSPENDED: "DECISION_ACCOUNT_SUSPENDED",
    MeasureKind.ACCOUNT_CLOSED: "DECISION_ACCOUNT_TERMINATED",
}
RESTRICTIONS = frozenset(MeasureKind) - {MeasureKind.WARNED, MeasureKind.RECTIFICATION_ORDERED}
"""The measures that restrict something: a decision without one of them is no statement for the database."""

_ON_SERVICE = RESTRICTIONS - _ON_ACCOUNT.keys()
_SOURCES = {
    SourceType.NOTICE: "SOURCE_TYPE_OTHER_NOTIFICATION",
    SourceType.TRUSTED_FLAGGER: "SOURCE_TRUSTED_FLAGGER",
    SourceType.OWN_INITIATIVE: "SOURCE_VOLUNTARY",
}
_LASTING = frozenset({MeasureKind.GROUP_CLOSED, MeasureKind.MANAGEMENT_CANCELLED})


@dataclass(frozen=True)
class DatabaseStatement:
    """A statement in the database's names and values; empty where a field is left out, days as YYYY-MM-DD."""

    puid: str
    decision_provision: str
    decision_account: str
    end_date_service_restriction: str
    end_date_account_restriction: str
    decision_ground: str
    decision_facts: str
    category: str
    content_type_other: str
    content_date: str
    application_date: str
    source_type: str
    illegal_content_legal_ground: str = ""
    illegal_content_explanation: str = ""
    incompatible_content_ground: str = ""
    incompatible_content_explanation: str = ""
    content_type: tuple[str, ...] = field(default=("CONTENT_TYPE_OTHER",))
    automated_detection: str = "No"
    automated_decision: str = "AUTOMATED_DECISION_NOT_AUTOMATED"


def statement_of(sanction: Sanction) -> DatabaseStatement:
    """The statement of a sanction that took effect, its measures as they run now."""
    assert sanction.start is not None  # noqa: S101 - it took effect
    rule = sanction.statement.rule
    service = [measure for measure in sanction.terms if measure.kind in _ON_SERVICE]
    account = [measure for measure in sanction.terms if measure.kind in _ON_ACCOUNT]
    article, clause = f"{rule.article}: {rule.title}"[:_GROUND_MOST], rule.clause[:_EXPLANATION_MOST]
    illegal = rule.ground is Ground.ILLEGAL
    return DatabaseStatement(
        puid=sanction.sanction_id,
        decision_provision=max(map(_provision, service), key=_PROVISIONS.index, default=""),
        decision_account=max((_ON_ACCOUNT[measure.kind] for measure in account), default=""),
        end_date_service_restriction=_end(service),
        end_date_account_restriction=_end(account),
        decision_ground="DECISION_GROUND_ILLEGAL_CONTENT" if illegal else "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        illegal_content_legal_ground=article if illegal else "",
        illegal_content_explanation=clause if illegal else "",
        incompatible_content_ground="" if illegal else article,
        incompatible_content_explanation="" if illegal else clause,
        decision_facts=_facts(sanction),
        category=f"STATEMENT_CATEGORY_{rule.category}",
        content_type_other="Conduct of a group"
        if sanction.subject.kind is SubjectKind.GROUP
        else "Conduct of an account",
        content_date=_day(sanction.statement.act_at),
        application_date=_day(sanction.start),
        source_type=_SOURCES[sanction.statement.source],
    )


def _provision(measure: Measure) -> str:
    if measure.kind is MeasureKind.BLACKLISTED:
        return "DECISION_PROVISION_TOTAL_SUSPENSION"
    lasting = measure.kind in _LASTING or measure.end is None
    return "DECISION_PROVISION_PARTIAL_TERMINATION" if lasting else "DECISION_PROVISION_PARTIAL_SUSPENSION"


def _end(measures: list[Measure]) -> str:
    ends = [measure.end for measure in measures if measure.end]
    return _day(max(ends)) if ends and len(ends) == len(measures) else ""


def _facts(sanction: Sanction) -> str:
    statement = sanction.statement
    brought = "A report was received" if sanction.tip_off_id else "The platform acted of its own accord"
    decided = (
        "One person decided, to protect for at most 72 hours until two have decided"
        if sanction.interim_until
        else "A second person approved the decision"
    )
    return (
        f"{brought}. People found a breach of the rule {statement.rule.rule_id} of the policy"
        f" {statement.rule.policy_id} {statement.rule.policy_version}, by an act of {_day(statement.act_at)}."
        f" Pieces of evidence referred to: {len(statement.evidence)}. Earlier decisions that it rests on:"
        f" {len(statement.prior_decisions)}. Milder steps left out: {statement.steps_skipped}. {decided}; the person"
        " concerned got the full reasons, and can appeal to a reviewer who had no part in it."
    )


def _day(at: datetime) -> str:
    return min(at.date(), _LAST_DAY).isoformat()
