"""What it takes to lift, to vary or to stay a sanction: acts that only ever make it milder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.sanctions.domain import Lift, Sanction, SanctionState, Variation
from services.credit.subjects import refuse_own


@dataclass(frozen=True)
class Actor:
    """Who acts, with their own account on the platform if they told of one, and why."""

    staff_id: str
    account_id: str
    reasons: str


def lift(sanction: Sanction, actor: Actor, *, at: datetime) -> Sanction:
    """The sanction, lifted from now on. What it did until now stays on record.

    Raises:
        Refusal: WRONG_STATE, OWN_ACCOUNT or REASONS_REQUIRED.
    """
    _check(sanction, actor, at)
    return replace(sanction, lift=Lift(at, actor.staff_id, actor.reasons), end_recorded_at=at)


def vary(sanction: Sanction, actor: Actor, ends: Mapping[MeasureKind, datetime], *, at: datetime) -> Sanction:
    """The sanction with earlier ends of some measures; once, and never harsher.

    Raises:
        Refusal: WRONG_STATE, OWN_ACCOUNT, REASONS_REQUIRED, MEASURE_NOT_ALLOWED or TERM_REFUSED.
    """
    _check(sanction, actor, at)
    if sanction.variation is not None:
        raise Refusal.wrong_state("sanction", state="VARIED", needs=SanctionState.IN_FORCE)
    imposed = {measure.kind: measure.end for measure in sanction.measures}
    for kind, end in ends.items():
        if kind not in imposed or kind is MeasureKind.BLACKLISTED:
            raise _not_varied(kind, sanction)
        latest = imposed[kind]
        if not at < end or (latest is not None and end >= latest):
            raise _not_milder(kind, latest)
    return replace(sanction, variation=Variation(at, actor.staff_id, actor.reasons, dict(ends)))


def check_stay(sanction: Sanction, actor: Actor, *, appeal_state: str, stayed: bool, at: datetime) -> None:
    """Refuses a stay that has no cause: no appeal that waits for its decision.

    Args:
        sanction: The sanction.
        actor: Who would stay it.
        appeal_state: State of its open appeal; empty if there is none.
        stayed: Whether it is stayed already.
        at: The present instant.

    Raises:
        Refusal: WRONG_STATE, OWN_ACCOUNT or REASONS_REQUIRED.
    """
    _check(sanction, actor, at)
    if not appeal_state:
        raise Refusal.wrong_state("appeal", state="NONE", needs="FILED")
    if stayed:
        raise Refusal.wrong_state("sanction", state="STAYED", needs=SanctionState.IN_FORCE)


def _check(sanction: Sanction, actor: Actor, at: datetime) -> None:
    state = sanction.state_at(at)
    if state is not SanctionState.IN_FORCE:
        raise Refusal.wrong_state("sanction", state=state, needs=SanctionState.IN_FORCE)
    refuse_own(sanction.subject, actor.account_id)
    if not actor.reasons.strip():
        raise Refusal.field(
            "reasons",
            "a decision needs its reasons",
            reason=ErrorReason.ERROR_REASON_REASONS_REQUIRED,
            satisfy="reasons for the person concerned",
            missing="reasons",
        )


def _not_varied(kind: MeasureKind, sanction: Sanction) -> Refusal:
    imposed = [measure.kind for measure in sanction.measures if measure.kind is not MeasureKind.BLACKLISTED]
    return Refusal.field(
        "ends",
        "the sanction has no such measure that can be varied",
        reason=ErrorReason.ERROR_REASON_MEASURE_NOT_ALLOWED,
        satisfy=f"one of {', '.join(imposed)}",
        measure=kind,
        rule=sanction.statement.rule.rule_id,
    )


def _not_milder(kind: MeasureKind, latest: datetime | None) -> Refusal:
    before = f" and before {latest.isoformat()}" if latest else ""
    return Refusal.field(
        "ends",
        "a variation only shortens a measure",
        reason=ErrorReason.ERROR_REASON_TERM_REFUSED,
        satisfy=f"an end in the future{before}",
        measure=kind,
    )
