"""Queries of published policy packs."""

from datetime import datetime
from functools import lru_cache

from sqlmodel import Session, col, select

from chassis.refusal import Refusal
from policies.pack import Pack
from services.credit.policies.domain import PolicyInForce, Publication, not_in_force
from services.credit.policies.models import PolicyRow


def add(session: Session, publication: Publication, pack: Pack) -> None:
    """Stores a publication with the content of its pack."""
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
        )
    )
    session.flush()


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


def _last_before(session: Session, instant: datetime) -> PolicyInForce | None:
    row = session.exec(
        select(PolicyRow)
        .where(col(PolicyRow.effective_at) <= instant)
        .order_by(col(PolicyRow.effective_at).desc(), col(PolicyRow.publication_id).desc())
        .limit(1)
    ).first()
    return None if row is None else _in_force(row)


def _in_force(row: PolicyRow) -> PolicyInForce:
    return PolicyInForce(_publication(row), _parse(row.document))


@lru_cache(maxsize=32)
def _parse(document: str) -> Pack:
    return Pack.model_validate_json(document)


def _publication(row: PolicyRow) -> Publication:
    return Publication(
        publication_id=row.publication_id,
        policy_id=row.policy_id,
        version=row.version,
        content_hash=row.content_hash,
        title=row.title,
        effective_at=row.effective_at,
        published_at=row.published_at,
    )
