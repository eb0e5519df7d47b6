"""Statements as they leave: as the database takes them, and without a word that a person typed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from policies.pack import Category, Ground, MeasureKind
from services.credit.sanctions.domain import Lift, Measure, Sanction, SourceType
from services.credit.transparency.messages import statement_message
from services.credit.transparency.statements import RESTRICTIONS, statement_of
from tests.unit.credit.builders import NOW, group, in_force, reasons
from tests.unit.credit.transparency.database_schema import violations

ACCOUNT, GROUP = in_force(), in_force(subject=group())


def exported(sanction: Sanction) -> dict[str, Any]:
    """The JSON that goes to the database."""
    return MessageToDict(statement_message(statement_of(sanction)), preserving_proto_field_name=True)


def with_measures(sanction: Sanction, *measures: Measure) -> Sanction:
    return replace(sanction, measures=measures)


@st.composite
def sanctions(draw: st.DrawFn) -> Sanction:
    sanction = draw(st.sampled_from([ACCOUNT, GROUP]))
    kinds = draw(st.sets(st.sampled_from(sorted(MeasureKind)), min_size=1, max_size=4))
    ends = st.one_of(st.none(), st.integers(1, 36_525).map(lambda days: NOW + timedelta(days=days)))
    measures = [Measure(kind, end := draw(ends), None if end else NOW) for kind in kinds | {min(RESTRICTIONS)}]
    rule = replace(
        sanction.statement.rule,
        ground=draw(st.sampled_from(Ground)),
        category=draw(st.sampled_from(Category)),
        article=draw(st.text(min_size=1, max_size=2000)),
        clause=draw(st.text(min_size=1, max_size=2000)),
    )
    statement = replace(sanction.statement, rule=rule, source=draw(st.sampled_from(SourceType)))
    lift = draw(st.one_of(st.none(), st.just(Lift(NOW + timedelta(days=1), "app-1", "Paid."))))
    return replace(
        sanction,
        measures=tuple(measures),
        statement=statement,
        lift=lift,
    )


@given(sanctions())
def test_every_statement_keeps_the_rules_of_the_database(sanction: Sanction) -> None:
    assert violations(exported(sanction)) == []


def test_rules_of_the_database_refuse_what_breaks_them() -> None:
    whole = exported(ACCOUNT)
    for field in ("puid", "category", "content_date", "incompatible_content_ground"):
        assert field in violations({name: value for name, value in whole.items() if name != field})
    assert violations(whole | {"decision_facts": "x" * 5001}) == ["decision_facts"]
    assert violations(whole | {"category": "SPAM"}) == ["category"]
    assert violations(whole | {"end_date_service_restriction": "2038-01-02"}) == ["end_date_service_restriction"]
    assert violations(whole | {"decided_by": "mod-1"}) == ["decided_by"]


def test_nothing_that_a_person_typed_leaves() -> None:
    typed = ("facts", "explanation", "proportionality_note", "how_to_restore", "materials_needed", "step_justification")
    told = reasons(**{name: f"Ask Wanda Example of {name}." for name in typed})
    sanction = in_force(reasons=told, reporter_account_id=ACCOUNT.subject.id)
    lifted = replace(sanction, lift=Lift(NOW, "app-1", "Wanda Example asked for it."))
    text = str(exported(lifted))

    assert "Wanda" not in text
    persons = (sanction.subject.id, sanction.issuer, sanction.approver, sanction.reporter_account_id)
    assert not [person for person in persons if person in text]


@pytest.mark.parametrize(
    ("kind", "days", "decision"),
    [
        (MeasureKind.PUBLISHING_SUSPENDED, 30, "DECISION_PROVISION_PARTIAL_SUSPENSION"),
        (MeasureKind.GROUP_CREATION_CANCELLED, None, "DECISION_PROVISION_PARTIAL_TERMINATION"),
        (MeasureKind.GROUP_CLOSED, 30, "DECISION_PROVISION_PARTIAL_TERMINATION"),
        (MeasureKind.BLACKLISTED, 30, "DECISION_PROVISION_TOTAL_SUSPENSION"),
        (MeasureKind.ACCOUNT_SUSPENDED, 30, "DECISION_ACCOUNT_SUSPENDED"),
        (MeasureKind.ACCOUNT_CLOSED, None, "DECISION_ACCOUNT_TERMINATED"),
    ],
)
def test_measures_are_told_as_restrictions_with_their_ends(kind: MeasureKind, days: int | None, decision: str) -> None:
    end = NOW + timedelta(days=days) if days else None
    told = exported(with_measures(ACCOUNT, Measure(kind, end, None if end else NOW)))
    ends = [told[name] for name in told if name.startswith("end_date")]

    assert decision in (told.get("decision_provision"), told.get("decision_account"))
    assert ends == ([f"{end:%Y-%m-%d}"] if end else [])


def test_gravest_restriction_is_told_and_the_last_end() -> None:
    told = exported(
        with_measures(
            ACCOUNT,
            Measure(MeasureKind.BLACKLISTED, NOW + timedelta(days=10), None),
            Measure(MeasureKind.PUBLISHING_SUSPENDED, NOW + timedelta(days=40), None),
        )
    )
    assert told["decision_provision"] == "DECISION_PROVISION_TOTAL_SUSPENSION"
    assert told["end_date_service_restriction"] == f"{NOW + timedelta(days=40):%Y-%m-%d}"


def test_who_decided_is_told_of_an_interim_measure_and_of_a_sanction() -> None:
    assert "second person approved" in exported(ACCOUNT)["decision_facts"]
    interim = replace(ACCOUNT, interim_until=NOW + timedelta(hours=72))
    assert "One person decided" in exported(interim)["decision_facts"]


def test_source_is_derived_from_what_brought_the_decision_about() -> None:
    assert exported(ACCOUNT)["source_type"] == "SOURCE_VOLUNTARY"
    for source, name in (
        (SourceType.NOTICE, "SOURCE_TYPE_OTHER_NOTIFICATION"),
        (SourceType.TRUSTED_FLAGGER, "SOURCE_TRUSTED_FLAGGER"),
    ):
        reported = replace(ACCOUNT, statement=replace(ACCOUNT.statement, source=source))
        assert exported(reported)["source_type"] == name
