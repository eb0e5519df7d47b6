"""Orders to put a breach right by a date: whether it was done is a fact on record, and nothing follows by itself."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from chassis.refusal import Refusal
from policies.pack import MeasureKind
from services.credit.sanctions.domain import Rectified, Sanction, SanctionState
from services.credit.sanctions.relief import Actor
from services.credit.standings.domain import Stay
from services.credit.subjects import refuse_own


class RectificationState(StrEnum):
    """What became of an order. MISSED follows from the clock."""

    ORDERED = "ORDERED"
    DONE = "DONE"
    MISSED = "MISSED"


def state_of(sanction: Sanction, stay: Stay | None, at: datetime) -> RectificationState | None:
    """What became of a sanction's order at an instant; None if it holds none that binds, or was stayed at its date."""
    due = next((each.end for each in sanction.terms if each.kind is MeasureKind.RECTIFICATION_ORDERED), None)
    if due is None or sanction.state_at(at) not in (SanctionState.IN_FORCE, SanctionState.EXPIRED):
        return None
    if sanction.rectified is not None:
        return RectificationState.DONE
    if at < due:
        return RectificationState.ORDERED
    return None if stay and stay.covers(due) else RectificationState.MISSED


def rectify(sanction: Sanction, stay: Stay | None, actor: Actor, *, proof_sha256: str, at: datetime) -> Sanction:
    """The sanction, with what it ordered put right in time.

    Raises:
        Refusal: WRONG_STATE or OWN_ACCOUNT.
    """
    refuse_own(sanction.subject, actor.account_id)
    state = state_of(sanction, stay, at)
    if state is not RectificationState.ORDERED:
        raise Refusal.wrong_state("rectification", state=state or "NONE", needs=RectificationState.ORDERED)
    return replace(sanction, rectified=Rectified(at, actor.staff_id, proof_sha256))
