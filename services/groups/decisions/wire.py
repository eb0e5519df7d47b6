"""Questions and answers between messages and the domain."""

from datetime import UTC, datetime, timedelta

from ombud.groups.v1 import decision_service_pb2 as contract
from ombud.groups.v1.group_service_pb2 import MemberRole
from services.groups.decisions import domain
from services.groups.wire import timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

ACTIONS = {contract.Action.Value(f"ACTION_{action}"): action for action in domain.Action}
"""The domain's action for each value of the contract's enum but the unspecified."""


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND


def answer(decision: domain.Decision) -> contract.Decision:
    """The answer without `valid_until_time`."""
    fact = decision.fact
    return contract.Decision(
        allowed=decision.allowed,
        reason=contract.DecisionReason.Value(f"DECISION_REASON_{decision.reason}"),
        fact=contract.DecidingFact(
            kind=contract.FactKind.Value(f"FACT_KIND_{fact.kind}"),
            id=fact.id,
            limit=fact.limit,
            time=timestamp(fact.time),
        ),
    )


def role(value: MemberRole.ValueType) -> domain.Role:
    """The domain's role."""
    return domain.Role(MemberRole.Name(value).removeprefix("MEMBER_ROLE_"))
