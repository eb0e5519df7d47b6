"""What it takes to refer a sanctioned act to an authority: one act, one sanction, two persons, and a term on file.

Each act on a referral says anew until when it is kept: a term after it, and after the person concerned was told.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
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
    """A referral on file, until `kept_until`. Other instants are None until they are known."""

    referral_id: str
    sanction_id: str
    authority: str
    legal_basis: str
    fields: tuple[ReferralField, ...]
    state: ReferralState
    proposer: str
    proposed_at: datetime
    kept_until: datetime
    approver: str = ""
    approved_at: datetime | None = None
    outcome: ReferralOutcome | None = None
    reference: str = ""
    outcome_at: datetime | None = None
    correction_at: datetime | None = None
    notify_at: datetime | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of all that is recorded of it, as JSON with sorted keys: 64 hexadecimal digits."""
        content = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True)
class Certificate:
    """That a referral was destroyed, with what the figures of its time still need."""

    referral_id: str
    record_sha256: str
    kept_until: datetime
    destroyed_at: datetime
    approved_at: datetime | None
    outcome: ReferralOutcome | None
    outcome_at: datetime | None


def propose(
    sanction: Sanction,
    *,
    referral_id: str,
    authority: str,
    legal_basis: str,
    fields: tuple[ReferralField, ...],
    proposer: str,
    term: timedelta,
    at: datetime,
    notify_at: datetime | None = None,
) -> Referral:
    """The proposed referral of one sanction in force, to be kept for a term.

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
        kept_until=max(at, notify_at or at) + term,
        notify_at=notify_at,
    )


def approve(referral: Referral, sanction: Sanction, *, approver: str, term: timedelta, at: datetime) -> Referral:
    """The referral, approved by a second person.

    Raises:
        Refusal: WRONG_STATE or SECOND_PERSON_REQUIRED.
    """
    _need_state(referral, ReferralState.PROPOSED)
    _need_in_force(sanction)
    if approver == referral.proposer:
        raise Refusal.second_person("propose")
    approved = replace(referral, state=ReferralState.APPROVED, approver=approver, approved_at=at)
    return _kept(approved, term, at)


def check_hand_over(referral: Referral, sanction: Sanction) -> None:
    """Refuses to hand a referral over before it is approved, after it was concluded, or once its sanction has fallen.

    Raises:
        Refusal: WRONG_STATE.
    """
    _need_state(referral, ReferralState.APPROVED)
    _need_in_force(sanction)


def conclude(
    referral: Referral, *, outcome: ReferralOutcome, reference: str, term: timedelta, at: datetime
) -> Referral:
    """The referral with what the authority did.

    Raises:
        Refusal: WRONG_STATE.
    """
    _need_state(referral, ReferralState.APPROVED)
    concluded = replace(referral, state=ReferralState.CONCLUDED, outcome=outcome, reference=reference, outcome_at=at)
    return _kept(concluded, term, at)


def mark_for_correction(referral: Referral, *, term: timedelta, at: datetime) -> Referral:
    """The referral, still on file, once its sanction was overturned: whoever received it must be told."""
    return _kept(replace(referral, correction_at=at), term, at)


def destroy(referral: Referral, *, at: datetime) -> Certificate | None:
    """The certificate of a referral that need not be kept any longer; None if it must."""
    if at < referral.kept_until:
        return None
    return Certificate(
        referral_id=referral.referral_id,
        record_sha256=referral.sha256,
        kept_until=referral.kept_until,
        destroyed_at=at,
        approved_at=referral.approved_at,
        outcome=referral.outcome,
        outcome_at=referral.outcome_at,
    )


def _kept(referral: Referral, term: timedelta, at: datetime) -> Referral:
    """The referral, kept for a term from an act on; never for less than was said before."""
    return replace(referral, kept_until=max(referral.kept_until, max(at, referral.notify_at or at) + term))


def _plain(value: object) -> str:
    assert isinstance(value, datetime)  # noqa: S101 - all else of a referral is JSON's own
    return value.isoformat(timespec="microseconds")


def _need_state(referral: Referral, needs: ReferralState) -> None:
    if referral.state is not needs:
        raise Refusal.wrong_state("referral", state=referral.state, needs=needs)


def _need_in_force(sanction: Sanction) -> None:
    # An act stays reportable after the sanction has ended by itself, but not after it was overturned.
    if sanction.state is not SanctionState.IN_FORCE:
        raise Refusal.wrong_state("sanction", state=sanction.state, needs=SanctionState.IN_FORCE)
    if sanction.interim_until is not None:
        raise Refusal.wrong_state("sanction", state="INTERIM", needs="decided by two persons")
