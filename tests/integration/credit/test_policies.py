from datetime import UTC, timedelta
from typing import Any

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import policy_service_pb2 as pb
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from ombud.groups.v1.decision_service_pb2 import ACTION_CREATE_GROUP
from ombud.groups.v1.group_service_pb2 import GetGroupRequest
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombud.retention.v1.lifecycle_service_pb2 import ListRetentionClassesRequest
from ombud.retention.v1.lifecycle_service_pb2_grpc import LifecycleServiceStub
from policies import Pack, load
from tests.integration.credit.court import Court
from tests.support.eventually import eventually
from tests.support.publishing import draft
from tests.support.refusals import refusal_of
from tests.support.suite import POLICY

OFFICER, APPROVER = "policy_officer", "policy_approver"


async def propose(court: Court, pack: Pack, **ahead: float) -> pb.PolicyProposal:
    request = pb.ProposePolicyRequest(
        request_id=new_id(), document=pack.canonical, effective_time=court.after(**ahead or {"days": 1})
    )
    return (await court.desk(PolicyServiceStub, OFFICER, "pol-1").ProposePolicy(request)).proposal


async def approve(court: Court, proposal: pb.PolicyProposal, staff: str = "pol-2") -> pb.Policy:
    request = pb.ApprovePolicyRequest(request_id=new_id(), proposal_id=proposal.proposal_id)
    return (await court.desk(PolicyServiceStub, APPROVER, staff).ApprovePolicy(request)).policy


async def standing(court: Court, subject: Subject, **ahead: float) -> standings.Standing:
    request = standings.GetStandingRequest(subject=subject, time=court.after(**ahead))
    return (await court.platform(StandingServiceStub).GetStanding(request)).standing


async def test_published_pack_comes_into_force_at_its_date_and_not_before(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=2))
    second = draft("2026.2")

    policy = await approve(court, await propose(court, second))

    stub = court.platform(PolicyServiceStub)
    current = await stub.GetPolicy(pb.GetPolicyRequest())
    then = await stub.GetPolicy(pb.GetPolicyRequest(time=court.after(days=1)))
    by_hash = await stub.GetPolicy(pb.GetPolicyRequest(content_hash=second.content_hash))
    listed = (await stub.ListPolicies(pb.ListPoliciesRequest())).policies
    assert (current.policy.version.version, then.policy) == ("2026.1", policy)
    assert (by_hash.policy, by_hash.document) == (policy, second.canonical)
    assert [each.version.version for each in listed] == ["2026.1", "2026.2"]
    assert (await standing(court, sanction.subject, days=1, seconds=-1)).tier == "good"
    assert (await standing(court, sanction.subject, days=1)).tier == "fair"
    explained = await court.platform(StandingServiceStub).ExplainStanding(
        standings.ExplainStandingRequest(subject=sanction.subject)
    )
    assert explained.standing.tier == "good"


async def test_rights_follow_a_published_pack_without_a_restart(court: Court) -> None:
    founder = await court.person()
    await court.until_may(founder, action=ACTION_CREATE_GROUP)
    await court.group(founder)
    await court.group(founder)
    await approve(court, await propose(court, with_fewer_groups("2026.2")))
    assert await court.may(founder, action=ACTION_CREATE_GROUP)

    court.suite.clock.advance(timedelta(days=1))

    await court.until_may(founder, action=ACTION_CREATE_GROUP, allowed=False)


async def test_other_services_follow_a_published_pack_without_a_restart(court: Court) -> None:
    founder = await court.person()
    await court.until_may(founder, action=ACTION_CREATE_GROUP)
    await approve(court, await propose(court, draft("2026.2")))
    court.suite.clock.advance(timedelta(days=1))
    auditor = court.desk(LifecycleServiceStub, "auditor", "aud-1")

    async def heard() -> bool:
        schedules = (court.suite.data_dir / name / "policies.json" for name in ("identity", "groups", "retention"))
        return all(kept.exists() and "2026.2" in kept.read_text(encoding="utf-8") for kept in schedules)

    async def adopted() -> bool:
        terms = (await auditor.ListRetentionClasses(ListRetentionClassesRequest())).events
        return any(event.event.terms.ceiling_days == 199 for event in terms)

    await eventually(heard, within=30)
    group = await court.platform(GroupServiceStub).GetGroup(GetGroupRequest(group_id=await court.group(founder)))
    assert len(group.group.code) == 10
    await eventually(adopted, within=30)


def with_fewer_groups(version: str) -> Pack:
    document: dict[str, Any] = load(POLICY).model_dump(mode="json") | {"version": version}
    document["credit"]["tiers"][0]["entitlements"]["most_groups_owned"] = 2
    return Pack.model_validate(document)


async def test_second_person_sees_what_the_pack_would_change(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=2))
    await court.in_force(court.proposal(points=12))
    proposal = await propose(court, draft("2026.2"))

    seen = await court.desk(PolicyServiceStub, APPROVER, "pol-2").GetPolicyProposal(
        pb.GetPolicyProposalRequest(proposal_id=proposal.proposal_id)
    )

    found = seen.proposal.simulation
    assert seen.document == draft("2026.2").canonical
    assert (found.accounts, found.accounts_with_another_tier, found.accounts_with_fewer_rights) == (2, 1, 1)
    assert [(move.from_tier, move.to_tier, move.accounts) for move in found.moves] == [("good", "fair", 1)]
    assert list(found.sample_account_ids) == [sanction.subject.account_id]
    assert (found.default_entitlements.most_groups_owned, found.draft_default_entitlements.most_groups_owned) == (3, 4)


async def test_one_person_publishes_nothing(court: Court) -> None:
    proposal = await propose(court, draft("2026.2"))

    refused = await refusal_of(approve(court, proposal, staff="pol-1"))

    assert refused.reason == "SECOND_PERSON_REQUIRED"
    listed = await court.platform(PolicyServiceStub).ListPolicies(pb.ListPoliciesRequest())
    assert len(listed.policies) == 1


async def test_pack_with_faults_is_refused_with_each_of_them(court: Court) -> None:
    document = (
        draft("2026.2")
        .canonical.replace('"code_digits":10', '"code_digits":99')
        .replace('"points_most":12', '"points_most":"many"', 1)
    )
    request = pb.ProposePolicyRequest(request_id=new_id(), document=document)

    refused = await refusal_of(court.desk(PolicyServiceStub, OFFICER, "pol-1").ProposePolicy(request))

    assert refused.reason == "PACK_REFUSED"
    paths = [violation.field for violation in refused.violations]
    assert "document.groups.code_digits" in paths
    assert any(path.startswith("document.credit.rules.") and path.endswith(".points_most") for path in paths)


async def test_version_and_date_of_a_publication_are_taken(court: Court) -> None:
    await approve(court, await propose(court, draft("2026.2")))

    version = await refusal_of(propose(court, with_fewer_groups("2026.2"), days=2))
    date = await refusal_of(propose(court, draft("2026.3")))

    assert version.reason == "POLICY_VERSION_TAKEN"
    assert date.reason == "EFFECTIVE_TIME_REFUSED"


async def test_packs_are_compared_rule_by_rule(court: Court) -> None:
    policy = await approve(court, await propose(court, draft("2026.2")))
    stub = court.platform(PolicyServiceStub)

    with_draft = await stub.DiffPolicies(pb.DiffPoliciesRequest(to_document=draft("2026.2").canonical))
    with_published = await stub.DiffPolicies(pb.DiffPoliciesRequest(to_content_hash=policy.version.content_hash))

    by_path = {change.path: change for change in with_draft.changes}
    assert with_published == with_draft
    assert by_path.keys() >= {"version", "groups.code_digits", "credit.tiers[fair].from_points"}
    digits = by_path["groups.code_digits"]
    assert (digits.kind, digits.before, digits.after) == (pb.POLICY_CHANGE_KIND_CHANGED, "9", "10")
    assert digits.serves == load(POLICY).groups.serves["code_digits"]


async def test_simulation_tells_and_changes_nothing(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=2))
    stub = court.desk(PolicyServiceStub, OFFICER, "pol-1")

    now = await stub.SimulatePolicy(pb.SimulatePolicyRequest(document=draft("2026.2").canonical))
    ended = sanction.points_end_time.ToDatetime(UTC) - court.suite.clock.now()
    then = await stub.SimulatePolicy(
        pb.SimulatePolicyRequest(document=draft("2026.2").canonical, time=court.after(seconds=ended.total_seconds()))
    )

    assert (now.simulation.accounts, now.simulation.accounts_with_another_tier) == (1, 1)
    assert (then.simulation.accounts, then.simulation.accounts_with_another_tier) == (1, 0)
    assert (await standing(court, sanction.subject)).tier == "good"
