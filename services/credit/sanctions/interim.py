"""Interim measures: what one person may impose at once, for three days at most, before there is a decision.

They protect until two persons have decided, and punish nobody: no points, no step of the ladder, nothing that can not
simply be given back. The same facts found one of them, and none after the decision.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.refusal import ErrorReason, Refusal
from policies.pack import MeasureKind
from services.credit.policies.domain import PolicyInForce
from services.credit.sanctions.domain import OWN_INITIATIVE, Lift, Origin, Sanction, SanctionState
from services.credit.sanctions.proposal import (
    Proposal,
    capacity_refused,
    check_act,
    check_allowed,
    check_capacity,
    check_kinds_differ,
    check_reasons,
    rule_of,
    statement,
)
from services.credit.subjects import refuse_own

INTERIM_HOURS_MOST = 72

_KINDS = frozenset(
    {
        MeasureKind.JOINING_SUSPENDED,
        MeasureKind.MEDIA_SUSPENDED,
        MeasureKind.PUBLISHING_SUSPENDED,
        MeasureKind.MANAGEMENT_SUSPENDED,
        MeasureKind.GROUP_SUSPENDED,
        MeasureKind.UPDATES_SUSPENDED,
        MeasureKind.ACCOUNT_SUSPENDED,
    }
)


def impose(
    proposal: Proposal,
    *,
    sanction_id: str,
    policy: PolicyInForce,
    known: str,
    own_account_id: str,
    origin: Origin = OWN_INITIATIVE,
    at: datetime,
) -> Sanction:
    """The interim measure, which waits for the delivery of its notice.

    Args:
        proposal: What is imposed; each measure ends when the interim measure does.
        sanction_id: Its id.
        policy: The policy in force at the act, or the first one if the act is older.
        known: The interim measure or the decision that a part of the evidence founds already; empty if there is none.
        own_account_id: The account of who imposes it, if they told of one.
        origin: Where the facts came from.
        at: The present instant.

    Raises:
        Refusal: With the reason of the rule that is not met.
    """
    refuse_own(proposal.subject, own_account_id)
    check_reasons(proposal.reasons, rests_on_others=False, at=at)
    check_capacity(proposal)
    if proposal.capacity.answers_for_duty:
        raise capacity_refused(proposal, "capacity", "another capacity: a breach of duty takes a decision")
    check_act(proposal.reasons, policy)
    rule = rule_of(proposal.reasons.rule_id, policy.pack)
    for measure in proposal.measures:
        check_allowed(measure.kind, proposal.subject, rule, among=_KINDS)
    check_kinds_differ(proposal.measures)
    until = max(measure.end for measure in proposal.measures if measure.end)
    if not at < until <= at + timedelta(hours=INTERIM_HOURS_MOST):
        raise Refusal.field(
            "until_time",
            "an interim measure is over or too long",
            reason=ErrorReason.ERROR_REASON_TERM_REFUSED,
            satisfy=f"an instant within {INTERIM_HOURS_MOST} hours from now",
            hours_most=INTERIM_HOURS_MOST,
        )
    if known:
        raise Refusal.field(
            "reasons.evidence",
            "the same facts had their interim measure, or are decided",
            reason=ErrorReason.ERROR_REASON_EVIDENCE_REUSED,
            satisfy="a decision, or evidence of another act alone",
            sanction_id=known,
        )
    return Sanction(
        sanction_id=sanction_id,
        state=SanctionState.APPROVED,
        subject=proposal.subject,
        capacity=proposal.capacity,
        group_id=proposal.group_id,
        statement=replace(
            statement(proposal.reasons, policy, rule, priors=(), breach=None),
            source=origin.source,
            late=origin.late(at),
        ),
        measures=proposal.measures,
        points=0,
        tip_off_id=proposal.tip_off_id,
        reporter_account_id=proposal.reporter_account_id,
        issuer=proposal.issuer,
        proposed_at=at,
        approved_at=at,
        interim_until=until,
    )


def replaced(interim: Sanction, decision: Sanction, *, at: datetime) -> Sanction:
    """The interim measure, ended by the decision that takes its place."""
    return replace(interim, lift=Lift(at, "", "", decision.sanction_id), end_recorded_at=at)


def decides_on(decision: Sanction, interim: Sanction, *, at: datetime) -> bool:
    """Whether a decision takes the place of an interim measure that is in force: they share evidence."""
    if interim.interim_until is None or interim.state_at(at) is not SanctionState.IN_FORCE:
        return False
    shared = {item.sha256 for item in decision.statement.evidence} & {
        item.sha256 for item in interim.statement.evidence
    }
    return decision.interim_until is None and decision.subject == interim.subject and bool(shared)
