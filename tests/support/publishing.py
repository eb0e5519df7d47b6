"""Two persons publish a policy pack."""

from ombud.credit.v1 import policy_service_pb2 as policies
from policies import Pack, load
from tests.support.life import Life
from tests.support.suite import POLICY
from tests.support.wire import staff

POLICY_OFFICER = staff("pol-1", "policy_officer")
POLICY_APPROVER = staff("pol-2", "policy_approver")


def draft(version: str) -> Pack:
    """The default pack in another version, with stricter tiers, longer codes of groups and an earlier end of chat."""
    document = load(POLICY).model_dump(mode="json") | {"version": version}
    document["credit"]["tiers"][1] |= {"from_points": 2, "recovers_below": None}
    document["credit"]["tiers"][0]["entitlements"]["most_groups_owned"] = 4
    document["groups"]["code_digits"] = 10
    document["retention"]["classes"]["chat"]["ceiling_days"] = 199
    return Pack.model_validate(document)


async def publishing(life: Life) -> None:
    """Publishes a pack, and leaves the proposal's id behind."""
    document = draft("2026.2").canonical
    request = policies.ProposePolicyRequest(document=document, effective_time=life.after(days=400))
    proposed = await life.act(POLICY_OFFICER, request)
    life.ids["policy_proposal"] = proposed.proposal.proposal_id
    await life.act(POLICY_OFFICER, policies.SimulatePolicyRequest(document=document))
    await life.act(POLICY_APPROVER, policies.GetPolicyProposalRequest(proposal_id=life.ids["policy_proposal"]))
    await life.act(POLICY_APPROVER, policies.ApprovePolicyRequest(proposal_id=life.ids["policy_proposal"]))
    await life.act(POLICY_OFFICER, policies.DiffPoliciesRequest(to_document=document))
