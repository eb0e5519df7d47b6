"""Drafts of policy packs, and what becomes of them."""

from datetime import datetime

from chassis.db import Unit
from chassis.ids import new_id
from policies import Pack
from services.credit.policies import store
from services.credit.policies.domain import Proposal, Publication, approve, propose
from services.credit.standings import feed
from tests.unit.credit.builders import DAY, NOW, pack


def draft(version: str = "2026.2", joined: int = 150) -> Pack:
    document = pack().model_dump() | {"version": version}
    document["credit"]["tiers"][0]["entitlements"] |= {"most_groups_joined": joined}
    return Pack.model_validate(document)


def proposed(
    drafted: Pack, *, effective_at: datetime = NOW + DAY, published: list[Publication] | None = None
) -> Proposal:
    return propose(
        drafted,
        proposal_id=new_id(),
        effective_at=effective_at,
        published=published or [],
        proposer="pol-1",
        at=NOW,
    )


def publication(drafted: Pack, effective_at: datetime) -> Publication:
    return Publication(
        new_id(), drafted.id, drafted.version, drafted.content_hash, drafted.title, effective_at, NOW, "proposal"
    )


def keep_published(unit: Unit, drafted: Pack, effective_at: datetime) -> Publication:
    proposal = proposed(drafted, effective_at=effective_at)
    store.propose(unit.session, proposal, drafted, b"")
    approved, made = approve(
        proposal,
        publication_id=new_id(),
        published=store.published(unit.session),
        approver="pol-2",
        at=unit.now,
    )
    store.approve(unit.session, approved)
    store.add(unit.session, made, drafted)
    feed.publish_defaults(unit)
    return made
