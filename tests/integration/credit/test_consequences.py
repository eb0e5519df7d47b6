"""Standing, the blacklist, referrals, policies: what sanctions lead to and rest on."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import blacklist_service_pb2 as blacklist
from ombud.credit.v1 import policy_service_pb2 as policies
from ombud.credit.v1 import referral_service_pb2 as referrals
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceStub
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from policies import PackError
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of
from tests.support.suite import POLICY, running_suite


async def test_account_without_a_ledger_is_in_the_best_tier(court: Court) -> None:
    standing = await court.standing(Subject(account_id=new_id()))

    assert (standing.active_points, standing.tier) == (0, "good")
    assert standing.entitlements.may_create_group
    assert not standing.HasField("next_change_time")


async def test_group_has_restrictions_and_neither_tier_nor_entitlements(court: Court) -> None:
    subject = Subject(group_id=new_id())
    await court.in_force(court.proposal(subject, credit.MEASURE_KIND_GROUP_SUSPENDED))

    standing = await court.standing(subject)

    assert standing.tier == ""
    assert not standing.HasField("entitlements")
    assert [each.kind for each in standing.restrictions] == [credit.MEASURE_KIND_GROUP_SUSPENDED]


async def test_standing_is_explained_by_every_entry_that_counts_and_how_it_comes_back(court: Court) -> None:
    subject = Subject(account_id=new_id())
    first = await court.in_force(court.proposal(subject, points=4))
    court.suite.clock.advance(timedelta(days=100))
    second = await court.in_force(court.proposal(subject, points=5))
    stub = court.platform(StandingServiceStub)

    explained = await stub.ExplainStanding(standings.ExplainStandingRequest(subject=subject))

    assert explained.standing.active_points == 9
    assert [entry.sanction_id for entry in explained.entries] == [first.sanction_id, second.sanction_id]
    assert [(step.active_points, step.tier) for step in explained.steps] == [
        (9, "restricted"),
        (5, "limited"),
        (0, "good"),
    ]
    assert explained.steps[1].start_time == first.points_end_time
    assert explained.standing.next_change_time == first.points_end_time


async def test_points_end_at_read_without_anything_happening(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))
    last = sanction.points_end_time.ToDatetime(court.suite.clock.now().tzinfo)

    court.suite.clock.advance(last - court.suite.clock.now() - timedelta(microseconds=1))
    assert (await court.standing(sanction.subject)).tier == "restricted"
    court.suite.clock.advance(timedelta(microseconds=1))
    assert (await court.standing(sanction.subject)).tier == "good"


async def test_standing_at_another_instant_is_what_counted_then(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))

    before = await court.standing(sanction.subject, court.after(seconds=-1))
    after = await court.standing(sanction.subject, court.after(days=366))
    early = await refusal_of(court.standing(sanction.subject, court.after(days=-3650)))

    assert (before.active_points, after.active_points) == (0, 0)
    assert early.reason == "POLICY_NOT_IN_FORCE"


async def test_ledger_keeps_what_was_overturned_and_says_so(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)
    stub = court.platform(StandingServiceStub)

    first = await stub.ListLedger(standings.ListLedgerRequest(subject=sanction.subject, page_size=1))
    rest = await stub.ListLedger(
        standings.ListLedgerRequest(subject=sanction.subject, page_size=1, page_token=first.next_page_token)
    )

    (points,), (overturn,) = first.entries, rest.entries
    assert (points.kind, points.points) == (standings.LEDGER_ENTRY_KIND_POINTS, 3)
    assert overturn.kind == standings.LEDGER_ENTRY_KIND_OVERTURN
    assert (overturn.overturned_entry_id, overturn.appeal_id) == (points.entry_id, appeal.appeal_id)
    assert not rest.next_page_token


async def test_watch_starts_with_the_defaults_and_says_no_points(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=6))
    stub = StandingServiceStub(court.suite.channel(workload="groups"))
    changes: list[standings.StandingChange] = []

    async for item in stub.WatchStanding(standings.WatchStandingRequest()):
        if item.HasField("checkpoint"):
            break
        changes.append(item.change)

    assert [change.revision for change in changes] == [1, 2]
    assert changes[0].WhichOneof("change") == "defaults"
    told = changes[1].subject
    assert told.subject == sanction.subject
    assert [span.entitlements.group_class for span in told.spans] == ["small", "large"]
    assert {field.name for field in told.DESCRIPTOR.fields} == {"subject", "spans", "restrictions"}


async def test_changes_of_standing_that_come_together_are_those_that_come_alone(court: Court) -> None:
    await court.in_force(court.proposal(points=6))
    stub = StandingServiceStub(court.suite.channel(workload="groups"))
    seen: dict[bool, list[standings.StandingChange]] = {True: [], False: []}
    for together, changes in seen.items():
        async for item in stub.WatchStanding(standings.WatchStandingRequest(changes_together=together)):
            if item.HasField("checkpoint"):
                break
            changes.extend(item.changes.changes if together else [item.change])
    assert seen[True] == seen[False]
    assert len(seen[True]) == 2


async def test_blacklist_entry_names_its_sanction_and_ends(court: Court) -> None:
    sanction = await court.in_force(court.proposal(None, credit.MEASURE_KIND_BLACKLISTED))
    stub = court.platform(BlacklistServiceStub)
    check = blacklist.CheckBlacklistRequest(subject=sanction.subject)

    entry = (await stub.CheckBlacklist(check)).entry
    listed = await court.desk(BlacklistServiceStub, "auditor", "aud-1").ListBlacklist(blacklist.ListBlacklistRequest())
    court.suite.clock.advance(timedelta(days=30))
    later = await court.platform(BlacklistServiceStub).CheckBlacklist(check)

    assert entry.sanction_id == sanction.sanction_id
    assert entry.end_time == sanction.end_time
    assert list(listed.entries) == [entry]
    assert not later.HasField("entry")


async def propose_referral(court: Court, sanction_id: str) -> referrals.Referral:
    request = referrals.ProposeReferralRequest(
        request_id=new_id(),
        sanction_id=sanction_id,
        authority="Consumer Protection Office",
        legal_basis="Consumer Code, Art. 7",
        fields=[referrals.REFERRAL_FIELD_RULE, referrals.REFERRAL_FIELD_ACT_TIME],
    )
    return (await court.desk(ReferralServiceStub, "moderator", "mod-1").ProposeReferral(request)).referral


async def approve_referral(court: Court, referral_id: str, by: str) -> referrals.Referral:
    request = referrals.ApproveReferralRequest(request_id=new_id(), referral_id=referral_id)
    return (await court.desk(ReferralServiceStub, "approver", by).ApproveReferral(request)).referral


async def on_file(court: Court) -> Sequence[referrals.Referral]:
    stub = court.desk(ReferralServiceStub, "auditor", "aud-1")
    return (await stub.ListReferrals(referrals.ListReferralsRequest())).referrals


async def test_referral_takes_two_persons_and_stays_on_file_when_the_sanction_falls(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    proposed = await propose_referral(court, sanction.sanction_id)

    same = await refusal_of(approve_referral(court, proposed.referral_id, "mod-1"))
    approved = await approve_referral(court, proposed.referral_id, "app-1")
    concluded = await court.desk(ReferralServiceStub, "moderator", "mod-1").RecordReferralOutcome(
        referrals.RecordReferralOutcomeRequest(
            request_id=new_id(),
            referral_id=proposed.referral_id,
            outcome=referrals.REFERRAL_OUTCOME_TAKEN_UP,
            reference="7 Js 11/26",
        )
    )
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)
    decided = await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)

    assert same.reason == "SECOND_PERSON_REQUIRED"
    assert approved.state == referrals.REFERRAL_STATE_APPROVED
    assert concluded.referral.state == referrals.REFERRAL_STATE_CONCLUDED
    assert list(decided.effects.corrected_referral_ids) == [proposed.referral_id]
    (kept,) = await on_file(court)
    assert kept.HasField("correction_time")
    assert kept.reference == "7 Js 11/26"


async def test_proposed_sanction_is_not_referred(court: Court) -> None:
    sanction = await court.propose(court.proposal())

    refusal = await refusal_of(propose_referral(court, sanction.sanction_id))

    assert (refusal.reason, refusal.facts["state"]) == ("WRONG_STATE", "PROPOSED")


def test_one_referral_concerns_one_sanction() -> None:
    for message in (referrals.ProposeReferralRequest, referrals.ApproveReferralRequest):
        ids = [field for field in message.DESCRIPTOR.fields if field.name.endswith(("_id", "_ids"))]
        assert not any(field.is_repeated for field in ids)


async def test_policy_in_force_can_be_checked_against_its_hash(court: Court) -> None:
    stub = court.platform(PolicyServiceStub)

    now = await stub.GetPolicy(policies.GetPolicyRequest())
    listed = await stub.ListPolicies(policies.ListPoliciesRequest())
    early = await refusal_of(stub.GetPolicy(policies.GetPolicyRequest(time=court.after(days=-3650))))

    assert hashlib.sha256(now.document.encode()).hexdigest() == now.policy.version.content_hash
    assert list(listed.policies) == [now.policy]
    assert early.reason == "POLICY_NOT_IN_FORCE"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "title: Ombud default policy",
            "title: Another",
            r":4: version: default 2026\.1 was published with other content",
        ),
        (
            "effective_at: 2026-01-01",
            "effective_at: 2027-01-01",
            r":6: effective_at: 2027-01-01T00:00:00\+00:00 lies in",
        ),
    ],
)
async def test_pack_that_can_not_be_taken_up_stops_the_start_with_file_and_line(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    async with running_suite(tmp_path / "data"):
        pass
    changed = tmp_path / "changed.yaml"
    changed.write_text(POLICY.read_text("utf-8").replace(old, new), "utf-8")

    with pytest.raises(PackError, match=r"changed\.yaml" + fault):
        async with running_suite(tmp_path / "data", policy=changed):
            pass
