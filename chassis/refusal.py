"""Refusals: the one way in which a rule, a store or a servicer says no.

A refusal names a reason of the contract (`ombud.common.v1.ErrorReason`), says in developer's English what was
wrong and what would be accepted, and carries facts. It knows nothing of gRPC: the status code stands in the
contract beside the reason, and the server's pipeline reads it there.
"""

from dataclasses import dataclass
from datetime import timedelta

from ombud.common.v1.error_reason_pb2 import ErrorReason

__all__ = ["ErrorReason", "FieldViolation", "Refusal"]


@dataclass(frozen=True)
class FieldViolation:
    """A field that broke its rule: its path in the request, such as `measures[1].end_time`, and how."""

    path: str
    description: str


class Refusal(Exception):  # noqa: N818 - the field's word; not every refusal is an error of the caller
    """A typed no.

    Args:
        reason: Why, as the contract names it.
        message: What was wrong. No personal data, no internals.
        satisfy: What would have been accepted.
        facts: Ids, numbers and enum names that a program may act on. Never personal data.
    """

    def __init__(self, reason: ErrorReason.ValueType, message: str, *, satisfy: str, **facts: str | int) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.satisfy = satisfy
        self.facts = {name: str(value) for name, value in facts.items()}
        self.violations: tuple[FieldViolation, ...] = ()
        self.retry_after: timedelta | None = None

    @classmethod
    def field(
        cls,
        path: str,
        message: str,
        *,
        satisfy: str,
        reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_INVALID_FIELD,
        **facts: str | int,
    ) -> "Refusal":
        """A refusal that blames one field of the request, by its path."""
        refusal = cls(reason, message, satisfy=satisfy, **({"field": path} | facts))
        refusal.violations = (FieldViolation(path, message),)
        return refusal

    @classmethod
    def draining(cls) -> "Refusal":
        """What ends a stream that has no end of its own, once its server is to end."""
        return cls(
            ErrorReason.ERROR_REASON_DRAINING,
            "the server ends",
            satisfy="the same call again, which another server answers, from what was received",
        )

    @classmethod
    def not_found(cls, resource: str, resource_id: str) -> "Refusal":
        """Nothing by that id, or nothing that the caller may know of."""
        return cls(
            ErrorReason.ERROR_REASON_NOT_FOUND,
            f"no {resource} by that id",
            satisfy=f"the id of an existing {resource}",
            resource=resource,
            id=resource_id,
        )

    @classmethod
    def wrong_state(cls, resource: str, *, state: str, needs: str) -> "Refusal":
        """The resource is in another state than the act needs."""
        return cls(
            ErrorReason.ERROR_REASON_WRONG_STATE,
            f"the {resource} is {state}",
            satisfy=f"a {resource} that is {needs}",
            resource=resource,
            state=state,
            needs=needs,
        )

    @classmethod
    def second_person(cls, first_part: str) -> "Refusal":
        """The act needs two persons, and one person tried to be both."""
        return cls(
            ErrorReason.ERROR_REASON_SECOND_PERSON_REQUIRED,
            f"the person who took the first part ({first_part}) can not take the second",
            satisfy="another person who holds the role",
            first_part=first_part,
        )

    @classmethod
    def peer_unavailable(cls, service: str) -> "Refusal":
        """Another service that had to be asked did not answer."""
        return cls(
            ErrorReason.ERROR_REASON_PEER_UNAVAILABLE,
            f"the {service} service did not answer",
            satisfy="the same call, when it answers again",
            service=service,
        )

    @classmethod
    def overloaded(cls, queue: str, *, retry_after: timedelta) -> "Refusal":
        """A bound of the server is reached; the same call may succeed later."""
        refusal = cls(
            ErrorReason.ERROR_REASON_OVERLOADED,
            f"the server's bound on {queue} is reached",
            satisfy="the same call, later",
            queue=queue,
        )
        refusal.retry_after = retry_after
        return refusal
