"""What it takes to refer a sanctioned act to an authority: one act, one sanction, two persons."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import Refusal
from services.credit.sanctions.domain import Sanction, SanctionState

_NOTICE_WITHIN = timedelta(days=365)


class ReferralState(StrEnum):
    """Where a referral stands."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    CONCLUDED = "CONCLUDED"


class ReferralField(StrEnum):
    """What a referral may disclose."""

    SUBJECT_ID = "SUBJECT_ID"
    ACT_TIME = "ACT_TIME"
    RULE = "RULE"
    FACTS = "FACTS"
    EVIDENCE_HASHES = "EVIDENCE_HASHES"
    MEASURES = "MEASURES"


class ReferralOutcome(StrEnum):
    """What the authority did."""

    TAKEN_UP = "TAKEN_UP"
    DECLINED = "DECLINED"
    NO_ACTION = "NO_ACTION"


@dataclass(frozen=True)
class Referral:
    """A referral on file. Instants are None until they are known."""

    referral_id: str
    sanction_id: str
    authority: str
    legal_basis: str
    fields: tuple[ReferralField, ...]
    state: ReferralState
    proposer: str
    proposed_at: datetime
    approver: str = ""
    approved_at: datetime | None = None
    outcome: ReferralOutcome | None = None
    reference: str = ""
    outcome_at: datetime | None = None
    correction_at: datetime | None = None
    notify_at: datetime | None = None


def propose(
    sanction: Sanction,
    *,
    referral_id: str,
    authority: str,
    legal_basis: str,
    fields: tuple[ReferralField, ...],
    proposer: str,
    at: datetime,
    notify_at: datetime | None = None,
) -> Referral:
    """The proposed referral of one sanction in force.

    Raises:
        Refusal: WRONG_STATE, or INVALID_FIELD if the person concerned would be told too late.
    """
    _need_in_force(sanction)
    if notify_at is not None and notify_at > at + _NOTICE_WITHIN:
        raise Refusal.field(
            "notify_time", "the person concerned would be told too late", satisfy="at most 365 days from now, or none"
        )
    return Referral(
        referral_id=referral_id,
        sanction_id=sanction.sanction_id,
        authority=authority,
        legal_basis=legal_basis,
        fields=fields,
        state=ReferralState.PROPOSED,
        proposer=proposer,
        proposed_at=at,
        notify_at=notify_at,
    )


def approve(referral: Referral, sanction: Sanction, *, approver: str, at: datetime) -> Referral:
    """The referral, approved by a second person.

    Raises:
        Refusal: WRONG_STATE or SECOND_PERSON_REQUIRED.
    """
    _need_state(referral, ReferralState.PROPOSED)
    _need_in_force(sanction)
    if approver == referral.proposer:
        raise Refusal.second_person("propose")
    return replace(referral, state=ReferralState.APPROVED, approver=approver, approved_at=at)


def conclude(referral: Referral, *, outcome: ReferralOutcome, reference: str, at: datetime) -> Referral:
    """The referral with what the authority did.

    Raises:
        Refusal: WRONG_STATE.
    """
    _need_state(referral, ReferralState.APPROVED)
    return replace(referral, state=ReferralState.CONCLUDED, outcome=outcome, reference=reference, outcome_at=at)


def mark_for_correction(referral: Referral, at: datetime) -> Referral:
    """The referral, still on file, once its sanction was overturned: whoever received it must be told."""
    return replace(referral, correction_at=at)


def _need_state(referral: Referral, needs: ReferralState) -> None:
    if referral.state is not needs:
        raise Refusal.wrong_state("referral", state=referral.state, needs=needs)


def _need_in_force(sanction: Sanction) -> None:
    # An act stays reportable after the sanction has ended by itself, but not after it was overturned.
    if sanction.state is not SanctionState.IN_FORCE:
        raise Refusal.wrong_state("sanction", state=sanction.state, needs=SanctionState.IN_FORCE)
