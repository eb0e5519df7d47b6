"""The ladder: from one sanction to the next a subject goes up one step, or somebody writes down why not."""

from collections.abc import Collection, Sequence

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind, Rule

_STEPS = tuple(MeasureKind)


def steps_skipped(rule: Rule, fitting: Collection[MeasureKind], kinds: Sequence[MeasureKind], gravest: int) -> int:
    """How many steps of a rule's ladder a sanction leaves out.

    Args:
        rule: The rule that was breached.
        fitting: The measures that fit the subject.
        kinds: The measures that are proposed.
        gravest: The step of the gravest measure that the subject met before; -1 if none.

    Returns:
        0 for a first step, for one that the subject met before, and for the next one.
    """
    if rule.first_step is None:
        return 0
    ladder = [step_of(kind) for kind in rule.measures if kind in fitting]
    following = min((step for step in ladder if step > gravest), default=gravest)
    reachable = max(step_of(rule.first_step), following)
    proposed = max(step_of(kind) for kind in kinds)
    return sum(reachable < step <= proposed for step in ladder)


def step_of(kind: MeasureKind) -> int:
    """Where a measure stands on the ladder, from the mildest on."""
    return _STEPS.index(kind)


def check_justified(skipped: int, justification: str, rule: Rule) -> None:
    """Refuses to leave out steps without a written justification.

    Raises:
        Refusal: LADDER_SKIPPED.
    """
    if skipped and not justification.strip():
        raise Refusal.field(
            "reasons.step_justification",
            "the sanction leaves out milder steps",
            reason=ErrorReason.ERROR_REASON_LADDER_SKIPPED,
            satisfy="a milder measure, or step_justification: why no milder step would do",
            skipped=skipped,
            rule=rule.id,
        )
