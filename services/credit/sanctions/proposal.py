"""The rules that a proposed sanction has to meet; each refusal says what would meet it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind, Pack, Rule
from services.credit.policies.domain import PolicyInForce
from services.credit.sanctions.domain import (
    OWN_INITIATIVE,
    Capacity,
    DutyBreach,
    Measure,
    Origin,
    PinnedRule,
    PriorDecision,
    Reasons,
    Sanction,
    SanctionState,
    Statement,
)
from services.credit.sanctions.ladder import check_justified, steps_skipped
from services.credit.subjects import Subject, SubjectKind, refuse_own

_FOR_GROUPS = frozenset(
    {
        MeasureKind.WARNED,
        MeasureKind.RECTIFICATION_ORDERED,
        MeasureKind.JOINING_SUSPENDED,
        MeasureKind.MEDIA_SUSPENDED,
        MeasureKind.PUBLISHING_SUSPENDED,
        MeasureKind.GROUP_SUSPENDED,
        MeasureKind.GROUP_CLOSED,
        MeasureKind.BLACKLISTED,
    }
)
_FOR_ACCOUNTS = frozenset(MeasureKind) - {MeasureKind.GROUP_SUSPENDED, MeasureKind.GROUP_CLOSED}
_REQUIRED_TEXTS = ("facts", "explanation", "proportionality_note", "how_to_restore")


@dataclass(frozen=True)
class Proposal:
    """What is proposed, and by whom."""

    subject: Subject
    capacity: Capacity
    group_id: str
    reasons: Reasons
    measures: tuple[Measure, ...]
    points: int
    tip_off_id: str
    duty_notice_id: str
    reporter_account_id: str
    issuer: str
    register_again: datetime | None = None


def propose(
    proposal: Proposal,
    *,
    sanction_id: str,
    policy: PolicyInForce,
    priors: Sequence[Sanction],
    points_left: Mapping[str, int],
    breach: DutyBreach | None,
    gravest: int = -1,
    own_account_id: str = "",
    origin: Origin = OWN_INITIATIVE,
    at: datetime,
) -> Sanction:
    """The proposed sanction.

    Args:
        proposal: What is proposed.
        sanction_id: Id of the new sanction.
        policy: The policy in force at the act, or the first one if the act is older.
        priors: The sanctions that it is to rest on.
        points_left: How many points of each of them count now, by sanction id; those of which none does are left out.
        breach: The recorded breach of duty; None if there is none.
        gravest: The step of the gravest measure that the subject met before; -1 if none.
        own_account_id: The account of who proposes, if they told of one.
        origin: Where the facts came from.
        at: The instant of the proposal.

    Raises:
        Refusal: With the reason of the rule that is not met.
    """
    refuse_own(proposal.subject, own_account_id)
    check_reasons(proposal.reasons, rests_on_others=bool(priors), at=at)
    check_capacity(proposal)
    check_act(proposal.reasons, policy)
    rule = rule_of(proposal.reasons.rule_id, policy.pack)
    for measure in proposal.measures:
        _check_measure(measure, proposal, rule, policy.pack, at)
    check_kinds_differ(proposal.measures)
    _check_points(proposal, rule)
    _check_register_again(proposal, policy.pack, at)
    skipped = steps_skipped(rule, _fitting(proposal.subject), [measure.kind for measure in proposal.measures], gravest)
    check_justified(skipped, proposal.reasons.step_justification, rule)
    for prior in priors:
        _check_prior(prior, proposal, points_left.get(prior.sanction_id, 0), at)
    if proposal.capacity.answers_for_duty and breach is None:
        raise breach_required(proposal.duty_notice_id, "NONE")
    cited = [PriorDecision(each.sanction_id, points_left.get(each.sanction_id, 0), each.points_end) for each in priors]
    return Sanction(
        sanction_id=sanction_id,
        state=SanctionState.PROPOSED,
        subject=proposal.subject,
        capacity=proposal.capacity,
        group_id=proposal.group_id,
        statement=replace(
            statement(proposal.reasons, policy, rule, cited, breach),
            steps_skipped=skipped,
            step_justification=proposal.reasons.step_justification,
            source=origin.source,
            late=origin.late(at),
        ),
        measures=proposal.measures,
        points=proposal.points,
        tip_off_id=proposal.tip_off_id,
        reporter_account_id=proposal.reporter_account_id,
        issuer=proposal.issuer,
        proposed_at=at,
        register_again=proposal.register_again,
    )


def evidence_reused(sanction_id: str) -> Refusal:
    """The refusal of a second sanction of one subject on the same evidence."""
    return Refusal.field(
        "reasons.evidence",
        "the same evidence already founds a sanction of the same subject",
        reason=ErrorReason.ERROR_REASON_EVIDENCE_REUSED,
        satisfy="evidence of another act",
        sanction_id=sanction_id,
    )


def check_reasons(reasons: Reasons, *, rests_on_others: bool, at: datetime) -> None:
    """Refuses reasons of which a required part is missing, or an act in the future."""
    for name in _REQUIRED_TEXTS:
        if not getattr(reasons, name).strip():
            raise _reasons_required(name)
    if not reasons.rule_id:
        raise _reasons_required("rule_id")
    if reasons.act_at is None:
        raise _reasons_required("act_time")
    if not reasons.evidence and not rests_on_others:
        raise _reasons_required("evidence")
    if reasons.act_at > at:
        raise Refusal.field("reasons.act_time", "the act lies in the future", satisfy="an instant that has passed")


def check_act(reasons: Reasons, policy: PolicyInForce) -> None:
    """Refuses an act that took place before any policy was in force."""
    if reasons.act_at is not None and reasons.act_at < policy.effective_at:
        raise Refusal.field(
            "reasons.act_time",
            "no policy was in force when the act took place",
            reason=ErrorReason.ERROR_REASON_ACT_BEFORE_POLICY,
            satisfy="an act at or after effective_time",
            act_time=reasons.act_at.isoformat(),
            effective_time=policy.effective_at.isoformat(),
        )


def check_capacity(proposal: Proposal) -> None:
    """Refuses a capacity that does not fit the subject, the group or the duty notice given."""
    capacity, subject = proposal.capacity, proposal.subject
    if (capacity is Capacity.GROUP) != (subject.kind is SubjectKind.GROUP):
        raise capacity_refused(proposal, "capacity", "GROUP for a group, and only for a group")
    in_a_group = capacity in (Capacity.FOUNDER, Capacity.MANAGER, Capacity.MEMBER)
    if in_a_group and not proposal.group_id:
        raise capacity_refused(proposal, "group_id", "the group in which it happened")
    if capacity in (Capacity.GROUP, Capacity.ACCOUNT) and proposal.group_id:
        raise capacity_refused(proposal, "group_id", "no group beside this capacity")
    if capacity.answers_for_duty and not proposal.duty_notice_id:
        raise breach_required("", "NONE")
    if proposal.duty_notice_id and not capacity.answers_for_duty:
        raise capacity_refused(proposal, "duty_notice_id", "a duty notice with FOUNDER or MANAGER only")


def breach_required(notice_id: str, state: str) -> Refusal:
    """The refusal of a consequence for an owner without a recorded breach."""
    return Refusal.field(
        "duty_notice_id",
        "no breach of duty is recorded",
        reason=ErrorReason.ERROR_REASON_OWNER_BREACH_REQUIRED,
        satisfy="a duty notice of this group, served on this account with tools and time to cure, and not cured",
        duty_notice_id=notice_id,
        state=state,
    )


def rule_of(rule_id: str, pack: Pack) -> Rule:
    """The rule of a pack.

    Raises:
        Refusal: RULE_UNKNOWN.
    """
    rule = pack.credit.rule(rule_id)
    if rule is None:
        raise Refusal.field(
            "reasons.rule_id",
            "the policy in force at the act has no such rule",
            reason=ErrorReason.ERROR_REASON_RULE_UNKNOWN,
            satisfy=f"one of {', '.join(known.id for known in pack.credit.rules)}",
            rule=rule_id,
            policy=pack.id,
            version=pack.version,
        )
    return rule


def _fitting(subject: Subject) -> frozenset[MeasureKind]:
    return _FOR_GROUPS if subject.kind is SubjectKind.GROUP else _FOR_ACCOUNTS


def check_allowed(kind: MeasureKind, subject: Subject, rule: Rule, *, among: Iterable[MeasureKind]) -> None:
    """Refuses a measure that a rule does not allow for a subject, or that is not among some.

    Raises:
        Refusal: MEASURE_NOT_ALLOWED.
    """
    fitting = _fitting(subject) & frozenset(among)
    allowed = [each for each in rule.measures if each in fitting]
    if kind not in allowed:
        raise Refusal.field(
            "measures",
            "the rule does not allow this measure for this subject",
            reason=ErrorReason.ERROR_REASON_MEASURE_NOT_ALLOWED,
            satisfy=f"one of {', '.join(allowed)}",
            measure=kind,
            rule=rule.id,
        )


def _check_measure(measure: Measure, proposal: Proposal, rule: Rule, pack: Pack, at: datetime) -> None:
    check_allowed(measure.kind, proposal.subject, rule, among=MeasureKind)
    cap = pack.credit.measures[measure.kind]
    if measure.end is not None:
        _check_term(measure.kind, measure.end, cap.days_most, at)
    elif measure.review is not None and cap.indefinite:
        _check_term(measure.kind, measure.review, pack.credit.indefinite_review_days, at)
    else:
        raise Refusal.field(
            "measures",
            "the measure has no end",
            reason=ErrorReason.ERROR_REASON_END_REQUIRED,
            satisfy="end_time" + (", or review_time for a measure without an end" if cap.indefinite else ""),
            measure=measure.kind,
        )


def _check_term(kind: MeasureKind, until: datetime, days_most: int, at: datetime) -> None:
    if not at < until <= at + timedelta(days=days_most):
        raise Refusal.field(
            "measures",
            "the term is over or longer than the policy allows",
            reason=ErrorReason.ERROR_REASON_TERM_REFUSED,
            satisfy=f"an instant within {days_most} days from now",
            measure=kind,
            days_most=days_most,
        )


def _check_register_again(proposal: Proposal, pack: Pack, at: datetime) -> None:
    """A bar on other accounts comes with a blacklist entry of an account, and does not end before it."""
    again = proposal.register_again
    if again is None:
        return
    listed_until = next(
        (measure.end for measure in proposal.measures if measure.kind is MeasureKind.BLACKLISTED and measure.end), None
    )
    if listed_until is None or proposal.subject.kind is not SubjectKind.ACCOUNT:
        raise Refusal.field(
            "register_again_time", "nobody is barred from other accounts", satisfy="none, or BLACKLISTED of an account"
        )
    days_most = pack.credit.blacklist_days_most
    if not listed_until <= again <= at + timedelta(days=days_most):
        raise Refusal.field(
            "register_again_time",
            "the bar on other accounts ends before the entry, or lasts longer than the policy allows",
            reason=ErrorReason.ERROR_REASON_TERM_REFUSED,
            satisfy=f"an instant from the end of BLACKLISTED on, within {days_most} days from now",
            measure=MeasureKind.BLACKLISTED,
            days_most=days_most,
        )


def check_kinds_differ(measures: Sequence[Measure]) -> None:
    """Refuses a kind of measure that is given twice."""
    kinds = [measure.kind for measure in measures]
    if len(set(kinds)) < len(kinds):
        raise Refusal.field("measures", "a kind of measure is given twice", satisfy="at most one measure of a kind")


def _check_points(proposal: Proposal, rule: Rule) -> None:
    group = proposal.subject.kind is SubjectKind.GROUP
    least, most = (0, 0) if group else (rule.points_least, rule.points_most)
    if not least <= proposal.points <= most:
        raise Refusal.field(
            "points",
            "a group has no points" if group else "the points are outside of the rule's range",
            reason=ErrorReason.ERROR_REASON_POINTS_REFUSED,
            satisfy=f"{least} to {most}",
            least=least,
            most=most,
        )


def _check_prior(prior: Sanction, proposal: Proposal, points_left: int, at: datetime) -> None:
    """Refuses to rest on what is no decision of those concerned, or is over with its measures and its points."""
    state = prior.state_at(at)
    counts = state is SanctionState.IN_FORCE or (state is SanctionState.EXPIRED and points_left > 0)
    if not _concerns(prior, proposal) or not counts or prior.interim_until is not None:
        raise Refusal.field(
            "prior_sanction_ids",
            "the sanction is over, is no decision, or concerns somebody else",
            reason=ErrorReason.ERROR_REASON_PRIOR_SANCTION_REFUSED,
            satisfy="decisions of the same subject or of the group concerned that are in force or whose points count",
            sanction_id=prior.sanction_id,
            state=state,
        )


def _concerns(prior: Sanction, proposal: Proposal) -> bool:
    """Whether a sanction may rest on a prior one. Nobody answers for the conduct of others as a member."""
    if prior.subject == proposal.subject:
        return True
    if proposal.capacity.answers_for_duty:
        return prior.subject == Subject(SubjectKind.GROUP, proposal.group_id)
    return proposal.capacity is Capacity.GROUP and prior.group_id == proposal.subject.id


def statement(
    reasons: Reasons, policy: PolicyInForce, rule: Rule, priors: Sequence[PriorDecision], breach: DutyBreach | None
) -> Statement:
    """The statement of reasons: what was stated, and what is derived from the policy, the priors and the breach."""
    pack = policy.pack
    assert reasons.act_at is not None  # noqa: S101 - check_reasons refused the rest
    return Statement(
        rule=PinnedRule(
            policy_id=pack.id,
            policy_version=pack.version,
            policy_hash=pack.content_hash,
            policy_effective_at=policy.effective_at,
            rule_id=rule.id,
            title=rule.title,
            article=rule.article,
            clause=rule.clause,
            clause_hash=rule.clause_hash,
            ground=rule.ground,
            category=rule.category,
            points_days=rule.points_days,
            appeal_window_days=pack.credit.appeal_window_days,
            appeal_decision_days=pack.credit.appeal_decision_days,
        ),
        facts=reasons.facts,
        explanation=reasons.explanation,
        act_at=reasons.act_at,
        evidence=tuple({item.sha256: item for item in reasons.evidence}.values()),
        proportionality_note=reasons.proportionality_note,
        how_to_restore=reasons.how_to_restore,
        materials_needed=reasons.materials_needed,
        prior_decisions=tuple(priors),
        duty_breach=breach,
    )


def _reasons_required(missing: str) -> Refusal:
    return Refusal.field(
        f"reasons.{missing}",
        "a sanction needs its reasons",
        reason=ErrorReason.ERROR_REASON_REASONS_REQUIRED,
        satisfy=f"{missing} of the statement of reasons",
        missing=missing,
    )


def capacity_refused(proposal: Proposal, path: str, satisfy: str) -> Refusal:
    """The refusal of a capacity that does not fit the rest of a proposal."""
    return Refusal.field(
        path,
        "the capacity does not fit",
        reason=ErrorReason.ERROR_REASON_CAPACITY_REFUSED,
        satisfy=satisfy,
        capacity=proposal.capacity,
        subject=proposal.subject.kind,
    )
