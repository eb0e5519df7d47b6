"""Policy packs that one person publishes, or that hold before anybody could know them."""

from chassis.db import Unit
from services.credit.policies import store
from tests.unit.credit.attacks.attack import attack
from tests.unit.credit.builders import DAY, NOW
from tests.unit.credit.drafts import draft, keep_published, proposed


def a_proposed_pack(unit: Unit) -> str:
    proposal = proposed(draft("2027.1"), effective_at=NOW + 9 * DAY)
    store.propose(unit.session, proposal, draft("2027.1"), b"")
    return proposal.proposal_id


def a_published_pack(unit: Unit) -> str:
    number = len(store.published(unit.session))
    return keep_published(unit, draft(f"2026.{number + 1}"), NOW + number * DAY).proposal_id


_PUBLISH = (
    "INSERT INTO policy (publication_id, policy_id, version, content_hash, title, effective_at, published_at, document,"
    " proposal_id) SELECT :new, policy_id, version, content_hash, title, effective_at, {published_at}, document,"
    " proposal_id FROM policy_proposal WHERE proposal_id = :id"
)

POLICIES = [
    attack(
        "pack approved by who proposed it",
        a_proposed_pack,
        "ck_policy_proposal_second_person",
        "UPDATE policy_proposal SET approver = proposer, approved_at = :now WHERE proposal_id = :id",
    ),
    attack(
        "pack approved by none",
        a_proposed_pack,
        "ck_policy_proposal_approved",
        "UPDATE policy_proposal SET approved_at = :now WHERE proposal_id = :id",
    ),
    attack(
        "pack that holds before its approval",
        a_published_pack,
        "ck_policy_proposal_not_retroactive",
        "UPDATE policy_proposal SET effective_at = approved_at - 1 WHERE proposal_id = :id",
    ),
    attack(
        "publication of what nobody approved",
        a_proposed_pack,
        "fk_policy_proposal",
        _PUBLISH.format(published_at=":now"),
    ),
    attack(
        "publication from another date than was approved",
        a_published_pack,
        "fk_policy_proposal",
        "UPDATE policy SET effective_at = :soon WHERE proposal_id = :id",
    ),
]
