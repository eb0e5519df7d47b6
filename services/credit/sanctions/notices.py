"""The notice of a sanction: its statement of reasons, as data and as text in the language of the person concerned."""

from dataclasses import dataclass
from datetime import datetime

from services.credit.notices.domain import Language
from services.credit.notices.templates import Templates
from services.credit.sanctions.domain import Sanction


@dataclass(frozen=True)
class NoticedMeasure:
    """A measure as the person concerned is told of it: one of `end` and `review` is given."""

    kind: str
    end: datetime | None
    review: datetime | None


@dataclass(frozen=True)
class Notice:
    """What the person concerned is told (DSA Art. 17(3)). Names neither a member of staff nor a reporter.

    The sanction is in force from the delivery, so the terms of the appeal are given in days from then. Whoever holds
    `appeal_receipt` may appeal without an account.
    """

    notice_id: str
    subject_kind: str
    subject_id: str
    capacity: str
    group_id: str
    measures: tuple[NoticedMeasure, ...]
    interim_until: datetime | None
    register_again: datetime | None
    points: int
    points_days: int
    act_at: datetime
    facts: str
    explanation: str
    evidence: tuple[str, ...]
    rests_on: tuple[str, ...]
    rule: str
    article: str
    clause: str
    ground: str
    policy: str
    policy_hash: str
    proportionality_note: str
    how_to_restore: str
    materials_needed: str
    source: str
    automated: bool
    appeal_within_days: int
    appeal_decided_within_days: int
    appeal_receipt: str
    language: str
    title: str
    text: str


def notice_of(sanction: Sanction, *, receipt: str, language: Language, templates: Templates) -> Notice:
    """The notice of an approved sanction."""
    statement, rule = sanction.statement, sanction.statement.rule
    title, text = templates.text(
        language,
        "INTERIM" if sanction.interim_until else "SANCTION",
        measures=templates.measures(language, sanction.measures, register_again=sanction.register_again),
        points=templates.points(language, sanction.points, rule.points_days),
        rule=rule.title,
        article=rule.article,
        clause=rule.clause,
        facts=statement.facts,
        rests_on=templates.rests_on(language, statement.prior_decisions),
        source=templates.source(language, statement.source),
        explanation=statement.explanation,
        proportionality_note=statement.proportionality_note,
        how_to_restore=statement.how_to_restore,
        materials=templates.materials(language, statement.materials_needed),
        appeal_days=rule.appeal_window_days,
        decision_days=rule.appeal_decision_days,
        receipt=receipt,
    )
    return Notice(
        notice_id=sanction.sanction_id,
        subject_kind=sanction.subject.kind,
        subject_id=sanction.subject.id,
        capacity=sanction.capacity,
        group_id=sanction.group_id,
        measures=tuple(NoticedMeasure(item.kind, item.end, item.review) for item in sanction.measures),
        interim_until=sanction.interim_until,
        register_again=sanction.register_again,
        points=sanction.points,
        points_days=rule.points_days,
        act_at=statement.act_at,
        facts=statement.facts,
        explanation=statement.explanation,
        evidence=tuple(item.sha256 for item in statement.evidence),
        rests_on=tuple(prior.sanction_id for prior in statement.prior_decisions),
        rule=rule.rule_id,
        article=rule.article,
        clause=rule.clause,
        ground=rule.ground,
        policy=f"{rule.policy_id} {rule.policy_version}",
        policy_hash=rule.policy_hash,
        proportionality_note=statement.proportionality_note,
        how_to_restore=statement.how_to_restore,
        materials_needed=statement.materials_needed,
        source=statement.source,
        automated=False,
        appeal_within_days=rule.appeal_window_days,
        appeal_decided_within_days=rule.appeal_decision_days,
        appeal_receipt=receipt,
        language=language,
        title=title,
        text=text,
    )
