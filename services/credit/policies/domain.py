"""When a policy pack is in force, and what it takes to publish one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.refusal import ErrorReason, Refusal
from policies.pack import Pack

LEAST_LEAD = timedelta(minutes=10)
"""So far ahead a pack comes into force at least: time for every service to have heard of it."""

_NEXT = timedelta(microseconds=1)
# Nothing could follow on a pack that waits for ever.
MOST_LEAD = timedelta(days=3650)


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
    """That a version of a pack was taken up, and from when it is in force here.

    Without a proposal it is the pack that the service was started with.
    """

    publication_id: str
    policy_id: str
    version: str
    content_hash: str
    title: str
    effective_at: datetime
    published_at: datetime
    proposal_id: str = ""


@dataclass(frozen=True)
class Proposal:
    """A pack that somebody proposed to publish. The approver is empty, and the instant None, until there is one."""

    proposal_id: str
    policy_id: str
    version: str
    content_hash: str
    title: str
    effective_at: datetime
    proposer: str
    proposed_at: datetime
    approver: str = ""
    approved_at: datetime | None = None


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


def propose(
    pack: Pack,
    *,
    proposal_id: str,
    effective_at: datetime | None,
    published: Sequence[Publication],
    proposer: str,
    at: datetime,
) -> Proposal:
    """The proposal to publish a pack.

    Args:
        pack: The pack.
        proposal_id: Id of the proposal.
        effective_at: From when it is to be in force; None for the date that the pack names.
        published: What was published before, oldest first.
        proposer: Who proposes it.
        at: The present instant.

    Raises:
        Refusal: POLICY_VERSION_TAKEN or EFFECTIVE_TIME_REFUSED.
    """
    proposal = Proposal(
        proposal_id=proposal_id,
        policy_id=pack.id,
        version=pack.version,
        content_hash=pack.content_hash,
        title=pack.title,
        effective_at=effective_at or pack.effective_at,
        proposer=proposer,
        proposed_at=at,
    )
    if proposal.effective_at < pack.effective_at:
        raise _too_early(pack.effective_at)
    _check_version(proposal, published)
    _check_date(proposal, published, at)
    return proposal


def approve(
    proposal: Proposal, *, publication_id: str, published: Sequence[Publication], approver: str, at: datetime
) -> tuple[Proposal, Publication]:
    """The proposal, approved by a second person, and the publication that follows from it.

    Raises:
        Refusal: WRONG_STATE, SECOND_PERSON_REQUIRED, POLICY_VERSION_TAKEN or EFFECTIVE_TIME_REFUSED.
    """
    if proposal.approved_at is not None:
        raise Refusal.wrong_state("policy proposal", state="APPROVED", needs="PROPOSED")
    if approver == proposal.proposer:
        raise Refusal.second_person("propose")
    _check_version(proposal, published)
    _check_date(proposal, published, at)
    publication = Publication(
        publication_id=publication_id,
        policy_id=proposal.policy_id,
        version=proposal.version,
        content_hash=proposal.content_hash,
        title=proposal.title,
        effective_at=proposal.effective_at,
        published_at=at,
        proposal_id=proposal.proposal_id,
    )
    return replace(proposal, approver=approver, approved_at=at), publication


def publish(pack: Pack, *, publication_id: str, earlier: Sequence[Publication], at: datetime) -> Publication | None:
    """The publication of the pack that the service was started with.

    A pack that replaces another is never in force before it replaced it: nothing is judged by a rule that was not
    published when it happened. Once two persons published one, a start replaces nothing any more.

    Args:
        pack: The pack.
        publication_id: Id of the publication.
        earlier: What was published before, oldest first.
        at: The present instant.

    Returns:
        None if the pack is the one in force already, or two persons have published another one since.

    Raises:
        PolicyConflictError: The pack is not yet effective, its version was published with other content, or it is to
            replace what two persons published.
    """
    if pack.effective_at > at:
        raise PolicyConflictError("effective_at", f"{pack.effective_at.isoformat()} lies in the future")
    for known in earlier:
        same_version = (known.policy_id, known.version) == (pack.id, pack.version)
        if same_version and known.content_hash != pack.content_hash:
            raise PolicyConflictError("version", f"{pack.id} {pack.version} was published with other content")
    if any(known.proposal_id for known in earlier):
        if pack.content_hash not in {known.content_hash for known in earlier}:
            raise PolicyConflictError("version", "two persons publish what follows: ombud policy propose")
        return None
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


def _check_version(proposal: Proposal, published: Sequence[Publication]) -> None:
    version = (proposal.policy_id, proposal.version)
    if any(
        (known.policy_id, known.version) == version and known.content_hash != proposal.content_hash
        for known in published
    ):
        raise Refusal.field(
            "document",
            "the version was published with other content",
            reason=ErrorReason.ERROR_REASON_POLICY_VERSION_TAKEN,
            satisfy="a version that was not published",
            policy=proposal.policy_id,
            version=proposal.version,
        )


def _check_date(proposal: Proposal, published: Sequence[Publication], at: datetime) -> None:
    """Refuses a date before which not every service may have heard of the pack, or which another pack has."""
    earliest = max([at + LEAST_LEAD, *(known.effective_at + _NEXT for known in published)])
    if proposal.effective_at < earliest:
        raise _too_early(earliest)
    latest = at + MOST_LEAD
    if proposal.effective_at > latest:
        raise _refused(f"{latest.isoformat()} or earlier", latest=latest.isoformat())


def _too_early(earliest: datetime) -> Refusal:
    return _refused(f"{earliest.isoformat()} or later", earliest=earliest.isoformat())


def _refused(satisfy: str, **facts: str) -> Refusal:
    return Refusal.field(
        "effective_time",
        "the policy can not come into force at that time",
        reason=ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED,
        satisfy=satisfy,
        **facts,
    )
