from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as pb
from ombud.credit.v1 import blacklist_service_pb2 as blacklist
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.groups.v1 import decision_service_pb2 as decisions
from tests.integration.credit.court import Court
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of


async def a_member_case(court: Court, **fields: object) -> tuple[sanctions.Sanction, str, str, str]:
    """A sanction in force on a member; gives the sanction, the member, the owner and the group."""
    owner, member = await court.person(), await court.person()
    group = await court.group(owner, member)
    sanction = await court.in_force(
        court.proposal(Subject(account_id=member), capacity=credit.CAPACITY_MEMBER, group_id=group, points=9, **fields)
    )
    return sanction, member, owner, group


async def test_overturn_gives_back_standing_and_rights_and_takes_derived_penalties_with_it(court: Court) -> None:
    sanction, member, _, group = await a_member_case(court)
    subject = Subject(account_id=member)
    derived = await court.in_force(
        court.proposal(
            subject,
            credit.MEASURE_KIND_BLACKLISTED,
            prior_sanction_ids=[sanction.sanction_id],
            reasons=court.reasons(evidence=[]),
        )
    )
    await court.until_may(member, group, allowed=False)
    await court.until_may(member, action=decisions.ACTION_CREATE_GROUP, allowed=False)
    appeal = await court.file(sanction.sanction_id, member)
    await court.assign(appeal.appeal_id)

    decided = await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED)

    assert list(decided.effects.overturned_sanction_ids) == [sanction.sanction_id, derived.sanction_id]
    assert len(decided.effects.revoked_blacklist_entry_ids) == 1
    standing = await court.standing(subject)
    assert (standing.active_points, standing.tier, list(standing.restrictions)) == (0, "good", [])
    listed = await court.platform(BlacklistServiceStub).CheckBlacklist(blacklist.CheckBlacklistRequest(subject=subject))
    assert not listed.HasField("entry")
    await court.until_may(member, group)
    await court.until_may(member, action=decisions.ACTION_CREATE_GROUP)
    for sanction_id in (sanction.sanction_id, derived.sanction_id):
        fallen = await court.sanction(sanction_id)
        assert fallen.state == sanctions.SANCTION_STATE_OVERTURNED
        assert fallen.overturning_appeal_id == appeal.appeal_id


async def test_silence_stays_the_sanction_and_the_decision_ends_the_stay(court: Court) -> None:
    sanction, member, _, group = await a_member_case(court)
    await court.until_may(member, group, allowed=False)
    appeal = await court.file(sanction.sanction_id, member)
    await court.assign(appeal.appeal_id)

    court.suite.clock.advance(timedelta(days=14))

    await court.until_may(member, group)
    court.suite.clock.advance(timedelta(hours=1))
    assert (await court.standing(Subject(account_id=member))).active_points == 0
    assert (await court.sanction(sanction.sanction_id)).stayed_from_time == appeal.due_time
    decided = await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD)
    assert decided.stayed_from_time == appeal.due_time
    await court.until_may(member, group, allowed=False)
    assert (await court.standing(Subject(account_id=member))).active_points == 9


async def test_upheld_in_time_the_sanction_was_never_stayed(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)

    decided = await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD)

    assert decided.state == pb.APPEAL_STATE_DECIDED
    court.suite.clock.advance(timedelta(days=20))
    assert (await court.standing(sanction.subject)).active_points == 3
    assert not (await court.sanction(sanction.sanction_id)).HasField("stayed_from_time")


async def test_who_sanctioned_does_not_review(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)

    for staff, conflict in (("mod-1", "ISSUER"), ("app-1", "APPROVER,ISSUER")):
        refusal = await refusal_of(court.assign(appeal.appeal_id, to=staff))
        assert (refusal.reason, refusal.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", conflict)


async def test_neither_reporter_nor_appellant_nor_member_of_the_group_reviews(court: Court) -> None:
    reporter, stranger = await court.person(), await court.person()
    sanction, member, owner, _ = await a_member_case(court, reporter_account_id=reporter)
    appeal = await court.file(sanction.sanction_id, member)

    # Who joins again does so with the account of today's token.
    for account, conflict in ((reporter, "REPORTER"), (member, "APPELLANT"), (owner, "GROUP_MEMBER")):
        refusal = await refusal_of(court.assign(appeal.appeal_id, account=account))
        assert (refusal.reason, refusal.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", conflict)

    assigned = await court.assign(appeal.appeal_id, account=stranger)
    assert assigned.state == pb.APPEAL_STATE_UNDER_REVIEW


async def test_only_the_assigned_reviewer_decides_and_with_reasons(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    early = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED))
    await court.assign(appeal.appeal_id, to="rev-1")

    other = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED, by="rev-2"))
    silent = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED, reasons=" "))

    assert [early.reason, other.reason, silent.reason] == ["WRONG_STATE", "REVIEWER_NOT_ASSIGNED", "REASONS_REQUIRED"]


async def test_only_the_person_concerned_appeals_and_once(court: Court) -> None:
    sanction = await court.in_force(court.proposal())

    stranger = await refusal_of(court.file(sanction.sanction_id, new_id()))
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    second = await refusal_of(court.file(sanction.sanction_id, sanction.subject.account_id))

    assert stranger.reason == "APPELLANT_NOT_CONCERNED"
    assert (second.reason, second.facts["appeal_id"]) == ("ALREADY_APPEALED", appeal.appeal_id)


async def test_group_is_spoken_for_by_its_owner_and_not_by_a_member(court: Court) -> None:
    owner, member = await court.person(), await court.person()
    group = await court.group(owner, member)
    sanction = await court.in_force(
        court.proposal(Subject(group_id=group), credit.MEASURE_KIND_WARNED, credit.MEASURE_KIND_GROUP_SUSPENDED)
    )
    await court.until_may(owner, group, allowed=False)

    refusal = await refusal_of(court.file(sanction.sanction_id, member))
    appeal = await court.file(sanction.sanction_id, owner)

    assert refusal.reason == "APPELLANT_NOT_CONCERNED"
    assert appeal.state == pb.APPEAL_STATE_FILED


async def test_window_closes_six_months_after_the_notice(court: Court) -> None:
    sanction = await court.in_force(court.proposal())

    court.suite.clock.advance(timedelta(days=184))
    refusal = await refusal_of(court.file(sanction.sanction_id, sanction.subject.account_id))

    assert refusal.reason == "APPEAL_WINDOW_CLOSED"


async def test_sanction_that_waits_for_approval_is_not_appealed(court: Court) -> None:
    sanction = await court.propose(court.proposal())

    refusal = await refusal_of(court.file(sanction.sanction_id, sanction.subject.account_id))

    assert (refusal.reason, refusal.facts["state"]) == ("WRONG_STATE", "PROPOSED")


async def test_appeal_is_shown_as_filed(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    evidence = [court.evidence()]
    filed = await court.file(sanction.sanction_id, sanction.subject.account_id, evidence=evidence)
    stub = court.platform(AppealServiceStub)

    shown = (await stub.GetAppeal(pb.GetAppealRequest(appeal_id=filed.appeal_id))).appeal
    unknown = await refusal_of(stub.GetAppeal(pb.GetAppealRequest(appeal_id=new_id())))

    assert shown == filed
    assert list(shown.evidence) == evidence
    assert unknown.reason == "NOT_FOUND"


async def test_notice_that_is_under_way_while_its_ground_falls_is_without_effect(court: Court) -> None:
    first = await court.in_force(court.proposal())
    subject = first.subject
    derived = await court.propose(
        court.proposal(subject, prior_sanction_ids=[first.sanction_id], reasons=court.reasons(evidence=[]))
    )
    appeal = await court.file(first.sanction_id, subject.account_id)
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED)

    refusal = await refusal_of(court.approve(derived.sanction_id))

    assert (refusal.reason, refusal.facts["state"]) == ("WRONG_STATE", "OVERTURNED")

    async def nothing_counts() -> bool:
        return (await court.standing(subject)).active_points == 0

    await eventually(nothing_counts)


async def test_what_is_asked_for_and_when_the_answer_was_sent_are_told(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    filed = await court.file(
        sanction.sanction_id,
        sanction.subject.account_id,
        remedy_sought="A shorter term, until the tickets are paid back.",
        wants_suspension=True,
    )
    assert (filed.appellant, filed.wants_suspension) == (pb.APPELLANT_PERSON_CONCERNED, True)
    assert filed.remedy_sought.startswith("A shorter term")
    assert not filed.HasField("notify_time")
    await court.assign(filed.appeal_id)
    await court.decide(filed.appeal_id, pb.APPEAL_OUTCOME_UPHELD)

    async def told() -> bool:
        reply = await court.platform(AppealServiceStub).GetAppeal(pb.GetAppealRequest(appeal_id=filed.appeal_id))
        return reply.appeal.HasField("notify_time")

    assert await eventually(told)


async def test_group_is_represented_in_its_appeal(court: Court) -> None:
    owner = await court.person()
    sanction = await court.in_force(court.proposal(Subject(group_id=await court.group(owner))))
    assert (await court.file(sanction.sanction_id, owner)).appellant == pb.APPELLANT_REPRESENTATIVE
