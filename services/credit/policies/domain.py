"""When a policy pack is in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.refusal import ErrorReason, Refusal
from policies.pack import Pack


class PolicyConflictError(Exception):
    """A pack that can not be taken up, because of one of its fields.

    Args:
        field: The field.
        reason: What is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class Publication:
    """That a version of a pack was taken up, and from when it is in force here."""

    publication_id: str
    policy_id: str
    version: str
    content_hash: str
    title: str
    effective_at: datetime
    published_at: datetime


@dataclass(frozen=True)
class PolicyInForce:
    """A pack with its publication."""

    publication: Publication
    pack: Pack

    @property
    def effective_at(self) -> datetime:
        """From when it is in force here."""
        return self.publication.effective_at


def not_in_force(at: datetime) -> Refusal:
    """The refusal of a question about an instant at which no policy was in force."""
    return Refusal(
        ErrorReason.ERROR_REASON_POLICY_NOT_IN_FORCE,
        "no policy was in force at that instant",
        satisfy="a later instant",
        time=at.isoformat(),
    )


def publish(pack: Pack, *, publication_id: str, earlier: Sequence[Publication], at: datetime) -> Publication | None:
    """The publication of a pack.

    A pack that replaces another is never in force before it replaced it: nothing is judged by a rule that was not
    published when it happened.

    Args:
        pack: The pack.
        publication_id: Id of the publication.
        earlier: What was published before, oldest first.
        at: The present instant.

    Returns:
        None if the pack is the one in force already.

    Raises:
        PolicyConflictError: The pack is not yet effective, or its version was published with other content.
    """
    if pack.effective_at > at:
        raise PolicyConflictError("effective_at", f"{pack.effective_at.isoformat()} lies in the future")
    for known in earlier:
        same_version = (known.policy_id, known.version) == (pack.id, pack.version)
        if same_version and known.content_hash != pack.content_hash:
            raise PolicyConflictError("version", f"{pack.id} {pack.version} was published with other content")
    if earlier and earlier[-1].content_hash == pack.content_hash:
        return None
    return Publication(
        publication_id=publication_id,
        policy_id=pack.id,
        version=pack.version,
        content_hash=pack.content_hash,
        title=pack.title,
        effective_at=max(pack.effective_at, at) if earlier else pack.effective_at,
        published_at=at,
    )
