import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.db import Unit
from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions import store
from services.credit.sanctions.ladder import step_of, steps_skipped
from services.credit.subjects import Subject
from tests.support.engines import OpenDatabase
from tests.unit.credit.builders import account, measure, pack, proposed, reasons
from tests.unit.credit.stored import keep_in_force, keep_overturned, keep_proposed, work

KINDS = frozenset(MeasureKind)


def skipped(rule_id: str, kind: MeasureKind, before: MeasureKind | None = None) -> int:
    rule = pack().credit.rule(rule_id)
    assert rule is not None
    return steps_skipped(rule, KINDS, [kind], -1 if before is None else step_of(before))


def test_first_step_and_the_step_after_the_last_one_skip_nothing() -> None:
    assert skipped("spam", MeasureKind.PUBLISHING_SUSPENDED) == 0
    assert skipped("spam", MeasureKind.GROUP_CREATION_CANCELLED) == 1
    assert skipped("spam", MeasureKind.GROUP_CREATION_CANCELLED, MeasureKind.PUBLISHING_SUSPENDED) == 0
    assert skipped("spam", MeasureKind.ACCOUNT_SUSPENDED, MeasureKind.PUBLISHING_SUSPENDED) == 2
    assert skipped("spam", MeasureKind.ACCOUNT_SUSPENDED, MeasureKind.ACCOUNT_SUSPENDED) == 0
    assert skipped("fraud", MeasureKind.ACCOUNT_SUSPENDED) == 0
    assert skipped("fraud", MeasureKind.BLACKLISTED) == 3


def test_rule_without_a_first_step_has_no_ladder() -> None:
    assert skipped("misuse-of-reports", MeasureKind.WARNED) == 0
    assert skipped("duty-of-management", MeasureKind.GROUP_CREATION_CANCELLED) == 0


@given(st.sampled_from(MeasureKind), st.sampled_from(MeasureKind), st.sampled_from(MeasureKind))
def test_who_met_a_graver_measure_never_has_more_steps_before_them(
    kind: MeasureKind, one: MeasureKind, other: MeasureKind
) -> None:
    milder, graver = sorted((one, other), key=step_of)

    assert skipped("fraud", kind, graver) <= skipped("fraud", kind, milder) <= skipped("fraud", kind)


@pytest.mark.parametrize("justification", ["", " \n"])
def test_step_that_is_left_out_needs_a_written_justification(justification: str) -> None:
    stated = reasons(step_justification=justification)

    with pytest.raises(Refusal) as refusal:
        proposed(reasons=stated, measures=(measure(MeasureKind.BLACKLISTED),))

    assert refusal.value.reason == ErrorReason.ERROR_REASON_LADDER_SKIPPED
    assert refusal.value.facts["skipped"] == "7"
    assert proposed(reasons=stated, measures=(measure(MeasureKind.PUBLISHING_SUSPENDED),)).statement.steps_skipped == 0
    assert proposed(measures=(measure(MeasureKind.BLACKLISTED),)).statement.steps_skipped == 7


async def test_only_what_was_in_force_and_did_not_fall_is_a_step(databases: OpenDatabase) -> None:
    def gravest(unit: Unit, subject: Subject) -> int:
        return store.gravest_step(unit.session, subject)

    def task(unit: Unit) -> None:
        subject = account()
        keep_proposed(unit, subject=subject, measures=(measure(MeasureKind.BLACKLISTED),))
        assert gravest(unit, subject) == -1
        keep_in_force(unit, subject=subject)
        assert gravest(unit, subject) == step_of(MeasureKind.PUBLISHING_SUSPENDED)
        fallen = keep_in_force(unit, subject=subject, measures=(measure(MeasureKind.ACCOUNT_SUSPENDED),))
        assert gravest(unit, subject) == step_of(MeasureKind.ACCOUNT_SUSPENDED)
        keep_overturned(unit, fallen)
        assert gravest(unit, subject) == step_of(MeasureKind.PUBLISHING_SUSPENDED)

    async with databases("credit") as database:
        await work(database, task)
