"""Queries of published policy packs."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, bindparam, or_
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from policies.pack import Pack
from services.credit.policies.domain import PolicyInForce, Proposal, Publication, not_in_force
from services.credit.policies.models import PolicyProposalRow, PolicyRow, RepublicationRow
from services.credit.tables import ask

# Columns, not objects of the table's class, and built once: every standing asks them.
_POLICY = PolicyRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_LAST_BEFORE = (
    sa_select(_POLICY)
    .where(_POLICY.c.effective_at <= bindparam("instant"))
    .order_by(_POLICY.c.effective_at.desc(), _POLICY.c.publication_id.desc())
    .limit(1)
)
_FROM_ON = (
    sa_select(_POLICY)
    .where(
        or_(
            _POLICY.c.effective_at > bindparam("instant"),
            _POLICY.c.publication_id == _LAST_BEFORE.with_only_columns(_POLICY.c.publication_id).scalar_subquery(),
        )
    )
    .order_by(_POLICY.c.effective_at, _POLICY.c.publication_id)
)


def add(session: Session, publication: Publication, pack: Pack) -> None:
    """Stores a publication with the content of its pack; nobody has been told of it yet."""
    session.add(
        PolicyRow(
            publication_id=publication.publication_id,
            policy_id=publication.policy_id,
            version=publication.version,
            content_hash=publication.content_hash,
            title=publication.title,
            effective_at=publication.effective_at,
            published_at=publication.published_at,
            document=pack.canonical,
            proposal_id=publication.proposal_id or None,
        )
    )
    session.flush()
    session.add(RepublicationRow(publication_id=publication.publication_id))
    session.flush()


def propose(session: Session, proposal: Proposal, pack: Pack, simulation: bytes) -> None:
    """Stores a proposal with the content of its pack and what the simulation found."""
    session.add(
        PolicyProposalRow(
            proposal_id=proposal.proposal_id,
            policy_id=proposal.policy_id,
            version=proposal.version,
            content_hash=proposal.content_hash,
            title=proposal.title,
            effective_at=proposal.effective_at,
            document=pack.canonical,
            simulation=simulation,
            proposer=proposal.proposer,
            proposed_at=proposal.proposed_at,
        )
    )
    session.flush()


def approve(session: Session, proposal: Proposal) -> None:
    """Stores who approved a proposal, and when; nothing else of it changes."""
    row = _proposal_row(session, proposal.proposal_id)
    row.approver, row.approved_at = proposal.approver, proposal.approved_at
    session.flush()


def proposed(session: Session, proposal_id: str) -> tuple[Proposal, Pack, bytes]:
    """A proposal, its pack and what the simulation found.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = _proposal_row(session, proposal_id)
    proposal = Proposal(
        proposal_id=row.proposal_id,
        policy_id=row.policy_id,
        version=row.version,
        content_hash=row.content_hash,
        title=row.title,
        effective_at=row.effective_at,
        proposer=row.proposer,
        proposed_at=row.proposed_at,
        approver=row.approver or "",
        approved_at=row.approved_at,
    )
    return proposal, _parse(row.document), row.simulation


def published(session: Session) -> list[Publication]:
    """All publications, oldest first."""
    return page(session, after="", size=None)


def page(session: Session, *, after: str, size: int | None) -> list[Publication]:
    """Publications after a publication id, oldest first, at most `size`."""
    query = select(PolicyRow).where(col(PolicyRow.publication_id) > after)
    return [_publication(row) for row in session.exec(query.order_by(col(PolicyRow.publication_id)).limit(size))]


def at(session: Session, instant: datetime) -> PolicyInForce:
    """The policy in force at an instant.

    Raises:
        Refusal: POLICY_NOT_IN_FORCE.
    """
    found = _last_before(session, instant)
    if found is None:
        raise not_in_force(instant)
    return found


def from_on(session: Session, instant: datetime) -> list[PolicyInForce]:
    """The policy in force at an instant, and those that follow it, in the order in which they come into force.

    Raises:
        Refusal: POLICY_NOT_IN_FORCE.
    """
    found = [_in_force(row) for row in ask(session, _FROM_ON, {"instant": instant})]
    if not found or found[0].effective_at > instant:
        raise not_in_force(instant)
    return found


def for_act(session: Session, act_at: datetime) -> PolicyInForce:
    """The policy in force at an act, or the first one if the act is older than all: then it can not be judged."""
    found = _last_before(session, act_at)
    if found is None:
        row = session.exec(select(PolicyRow).order_by(col(PolicyRow.publication_id)).limit(1)).one()
        found = _in_force(row)
    return found


def with_hash(session: Session, content_hash: str) -> PolicyInForce:
    """The first publication of a pack by its content hash.

    Raises:
        Refusal: NOT_FOUND.
    """
    query = select(PolicyRow).where(PolicyRow.content_hash == content_hash).order_by(col(PolicyRow.publication_id))
    row = session.exec(query.limit(1)).first()
    if row is None:
        raise Refusal.not_found("policy", content_hash)
    return _in_force(row)


def unfinished(session: Session) -> RepublicationRow | None:
    """The oldest publication of which not every account has been told; None if all have."""
    query = select(RepublicationRow).where(col(RepublicationRow.finished_at).is_(None))
    return session.exec(query.order_by(col(RepublicationRow.publication_id)).limit(1)).first()


def _proposal_row(session: Session, proposal_id: str) -> PolicyProposalRow:
    row = session.get(PolicyProposalRow, proposal_id)
    if row is None:
        raise Refusal.not_found("policy proposal", proposal_id)
    return row


def _last_before(session: Session, instant: datetime) -> PolicyInForce | None:
    row = ask(session, _LAST_BEFORE, {"instant": instant}).first()
    return None if row is None else _in_force(row)


def _in_force(row: PolicyRow | Row[Any]) -> PolicyInForce:
    return PolicyInForce(_publication(row), _parse(row.document))


@lru_cache(maxsize=32)
def _parse(document: str) -> Pack:
    return Pack.model_validate_json(document)


def _publication(row: PolicyRow | Row[Any]) -> Publication:
    return Publication(
        publication_id=row.publication_id,
        policy_id=row.policy_id,
        version=row.version,
        content_hash=row.content_hash,
        title=row.title,
        effective_at=row.effective_at,
        published_at=row.published_at,
        proposal_id=row.proposal_id or "",
    )
