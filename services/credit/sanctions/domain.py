"""What a sanction is, and what it takes to propose, approve and put one in force.

A sanction is proposed with its reasons by one person and approved by another; it enters into force when its notice
was delivered, and ends by itself. Everything in its statement that a person did not have to judge is derived.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from policies.pack import Category, Ground, MeasureKind
from services.credit.subjects import Subject, SubjectKind, refuse_own


class Capacity(StrEnum):
    """The part that the subject had in the act."""

    FOUNDER = "FOUNDER"
    MANAGER = "MANAGER"
    MEMBER = "MEMBER"
    ACCOUNT = "ACCOUNT"
    GROUP = "GROUP"
    REPORTER = "REPORTER"

    @property
    def answers_for_duty(self) -> bool:
        """Whether the subject answers for the duty to manage a group, which needs a recorded breach."""
        return self in (Capacity.FOUNDER, Capacity.MANAGER)


class SanctionState(StrEnum):
    """Where a sanction stands. EXPIRED, LIFTED and REPLACED are derived and never stored."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    IN_FORCE = "IN_FORCE"
    EXPIRED = "EXPIRED"
    LIFTED = "LIFTED"
    WITHDRAWN = "WITHDRAWN"
    REPLACED = "REPLACED"
    OVERTURNED = "OVERTURNED"


class SourceType(StrEnum):
    """Where the facts came from (DSA Art. 17(3)(b)); derived, never stated."""

    NOTICE = "NOTICE"
    TRUSTED_FLAGGER = "TRUSTED_FLAGGER"
    OWN_INITIATIVE = "OWN_INITIATIVE"


@dataclass(frozen=True)
class Origin:
    """Where the facts came from: no tip-off, or one of whoever, whose answer is due at an instant."""

    source: SourceType = SourceType.OWN_INITIATIVE
    due: datetime | None = None

    def late(self, at: datetime) -> bool:
        """Whether the answer to the tip-off is overdue at the instant."""
        return self.due is not None and self.due <= at


OWN_INITIATIVE = Origin()


@dataclass(frozen=True)
class Evidence:
    """A reference to evidence: SHA-256 in hexadecimal, and when the evidence was observed."""

    sha256: str
    observed_at: datetime


@dataclass(frozen=True)
class Measure:
    """One measure, with an end, or without one and then with a review date."""

    kind: MeasureKind
    end: datetime | None
    review: datetime | None


@dataclass(frozen=True)
class Reasons:
    """What the proposing person states. Empty text and None stand for what was left out."""

    rule_id: str
    facts: str
    explanation: str
    act_at: datetime | None
    evidence: tuple[Evidence, ...]
    proportionality_note: str
    how_to_restore: str
    materials_needed: str
    step_justification: str = ""


@dataclass(frozen=True)
class DutyBreach:
    """A duty notice that was served and not cured in time, as the ledger of the group records it."""

    notice_id: str
    group_id: str
    served_at: datetime
    cure_end: datetime


@dataclass(frozen=True)
class PriorDecision:
    """A sanction that another rests on, with its points that counted at the proposal, and their end."""

    sanction_id: str
    points: int
    points_end: datetime | None


@dataclass(frozen=True)
class PinnedRule:
    """The rule as it stood in the policy in force at the act: later packs change nothing in it."""

    policy_id: str
    policy_version: str
    policy_hash: str
    policy_effective_at: datetime
    rule_id: str
    title: str
    article: str
    clause: str
    clause_hash: str
    ground: Ground
    category: Category
    points_days: int
    appeal_window_days: int
    appeal_decision_days: int


@dataclass(frozen=True)
class Statement:
    """The statement of reasons (DSA Art. 17(3))."""

    rule: PinnedRule
    facts: str
    explanation: str
    act_at: datetime
    evidence: tuple[Evidence, ...]
    proportionality_note: str
    how_to_restore: str
    materials_needed: str
    prior_decisions: tuple[PriorDecision, ...]
    duty_breach: DutyBreach | None
    steps_skipped: int = 0
    step_justification: str = ""
    source: SourceType = SourceType.OWN_INITIATIVE
    late: bool = False


@dataclass(frozen=True)
class Lift:
    """The end of one sanction by a person's act, or of an interim measure by the decision that takes its place."""

    at: datetime
    lifter: str
    reasons: str
    decision_id: str = ""


@dataclass(frozen=True)
class Rectified:
    """That what a sanction ordered was put right, on record with the SHA-256 of what proves it."""

    at: datetime
    recorder: str
    proof_sha256: str


@dataclass(frozen=True)
class Variation:
    """A sanction made milder: earlier ends of some of its measures."""

    at: datetime
    varier: str
    reasons: str
    ends: Mapping[MeasureKind, datetime]


@dataclass(frozen=True)
class Sanction:
    """One sanction, or an interim measure until `interim_until`, which needs no approver.

    Instants are None until they are known; `end_recorded_at` is when its end was put on record, `register_again` when
    the holder of a blacklisted account may have another one, if later than the end of that measure.
    """

    sanction_id: str
    state: SanctionState
    subject: Subject
    capacity: Capacity
    group_id: str
    statement: Statement
    measures: tuple[Measure, ...]
    points: int
    tip_off_id: str
    reporter_account_id: str
    issuer: str
    proposed_at: datetime
    approver: str = ""
    approved_at: datetime | None = None
    start: datetime | None = None
    points_end: datetime | None = None
    appeal_end: datetime | None = None
    overturning_appeal_id: str = ""
    variation: Variation | None = None
    lift: Lift | None = None
    end_recorded_at: datetime | None = None
    interim_until: datetime | None = None
    rectified: Rectified | None = None
    register_again: datetime | None = None

    @property
    def terms(self) -> tuple[Measure, ...]:
        """The measures as they run: as imposed, or until the earlier end that a variation or a lift set."""
        varied = self.variation.ends if self.variation else {}
        lifted_at = self.lift.at if self.lift else None
        return tuple(
            term(measure, varied.get(measure.kind), lifted_at, self.interim_until) for measure in self.measures
        )

    @property
    def end(self) -> datetime | None:
        """When the last measure ends, and a bar on other accounts with it; None if a measure has no end."""
        ends = [measure.end for measure in self.terms]
        if self.register_again is not None:
            ends.append(min(self.register_again, self.lift.at) if self.lift else self.register_again)
        return None if None in ends else max(end for end in ends if end)

    @property
    def review(self) -> datetime | None:
        """When a measure without an end must first be reviewed; None if all have an end."""
        return min((measure.review for measure in self.terms if measure.review), default=None)

    @property
    def group_concerned(self) -> str:
        """The group that is the subject, or in which it happened; empty if none."""
        return self.subject.id if self.subject.kind is SubjectKind.GROUP else self.group_id

    @property
    def evidence_set(self) -> str:
        """SHA-256 over what the sanction is founded on: the same evidence can not found two against one subject."""
        if self.state is SanctionState.WITHDRAWN:
            return hashlib.sha256(self.sanction_id.encode()).hexdigest()
        grounds = [item.sha256 for item in self.statement.evidence]
        # Besides the decision on it, the same evidence founds one interim measure.
        grounds += ["interim"] if self.interim_until else []
        grounds += [prior.sanction_id for prior in self.statement.prior_decisions]
        return hashlib.sha256("\n".join(sorted(set(grounds))).encode()).hexdigest()

    def state_at(self, at: datetime) -> SanctionState:
        """The state at an instant, its end and its lift taken into account."""
        if self.state is SanctionState.IN_FORCE and self.lift is not None and self.lift.at <= at:
            return SanctionState.REPLACED if self.lift.decision_id else SanctionState.LIFTED
        if self.state is SanctionState.IN_FORCE and self.end is not None and self.end <= at:
            return SanctionState.EXPIRED
        return self.state


def term(measure: Measure, *sooner: datetime | None) -> Measure:
    """A measure as it runs: as imposed, or until the first of the ends that a variation, a lift or its kind set."""
    end = min((each for each in (measure.end, *sooner) if each), default=None)
    return Measure(measure.kind, end, measure.review if end is None else None)


def approve(sanction: Sanction, *, approver: str, own_account_id: str = "", at: datetime) -> Sanction:
    """The sanction, approved by a second person, whose own account is known if they told of one.

    Raises:
        Refusal: SECOND_PERSON_REQUIRED, OWN_ACCOUNT, REVIEWER_NOT_INDEPENDENT or WRONG_STATE.
    """
    _need_state(sanction, SanctionState.PROPOSED)
    if approver == sanction.issuer:
        raise Refusal.second_person("propose")
    refuse_own(sanction.subject, own_account_id)
    if own_account_id and own_account_id == sanction.reporter_account_id:
        raise Refusal(
            ErrorReason.ERROR_REASON_REVIEWER_NOT_INDEPENDENT,
            "who reported it does not approve what follows",
            satisfy="another person who holds the role",
            conflict="REPORTER",
        )
    return replace(sanction, state=SanctionState.APPROVED, approver=approver, approved_at=at)


def withdraw(sanction: Sanction, *, proposer: str) -> Sanction:
    """The proposal, taken back by who made it; its evidence may found another one.

    Raises:
        Refusal: WRONG_STATE or PROPOSAL_NOT_YOURS.
    """
    _need_state(sanction, SanctionState.PROPOSED)
    if proposer != sanction.issuer:
        raise Refusal(
            ErrorReason.ERROR_REASON_PROPOSAL_NOT_YOURS,
            "somebody else proposed the sanction",
            satisfy="the person who proposed it",
            sanction_id=sanction.sanction_id,
        )
    return replace(sanction, state=SanctionState.WITHDRAWN)


def enter_force(sanction: Sanction, *, delivered_at: datetime) -> Sanction:
    """The sanction once its notice was delivered: in force from that instant, with its appeal window open.

    Raises:
        Refusal: WRONG_STATE.
    """
    _need_state(sanction, SanctionState.APPROVED)
    rule = sanction.statement.rule
    return replace(
        sanction,
        state=SanctionState.IN_FORCE,
        start=delivered_at,
        points_end=delivered_at + timedelta(days=rule.points_days) if sanction.points else None,
        appeal_end=delivered_at + timedelta(days=rule.appeal_window_days),
    )


def record_end(sanction: Sanction, *, at: datetime) -> Sanction:
    """The sanction with its end on record, if it has just come to it by itself; else as it is."""
    if sanction.end_recorded_at is None and sanction.state_at(at) is SanctionState.EXPIRED:
        return replace(sanction, end_recorded_at=at)
    return sanction


def overturn(sanction: Sanction, *, appeal_id: str) -> Sanction:
    """The sanction, fallen with an appeal: its own, or that of a sanction that it rests on."""
    return replace(sanction, state=SanctionState.OVERTURNED, overturning_appeal_id=appeal_id)


def _need_state(sanction: Sanction, needs: SanctionState) -> None:
    if sanction.state is not needs:
        raise Refusal.wrong_state("sanction", state=sanction.state, needs=needs)
