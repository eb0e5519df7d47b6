import asyncio
from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import blacklist_service_pb2 as pb
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of


async def listed(court: Court, *subjects: Subject) -> dict[str, str]:
    """Who of them is listed, with the sanction that says why."""
    request = pb.BatchCheckBlacklistRequest(subjects=subjects)
    reply = await court.platform(BlacklistServiceStub).BatchCheckBlacklist(request)
    return {each.subject.account_id or each.subject.group_id: each.sanction_id for each in reply.entries}


async def test_many_are_looked_up_at_once_and_the_answer_names_who_is_listed(court: Court) -> None:
    fraud, spam, nobody = (Subject(account_id=new_id()) for _ in range(3))
    first = await court.in_force(court.proposal(fraud, credit.MEASURE_KIND_BLACKLISTED))
    second = await court.in_force(court.proposal(spam, credit.MEASURE_KIND_BLACKLISTED))
    same_id_as_group = Subject(group_id=spam.account_id)

    assert await listed(court, fraud, spam, nobody, fraud) == {
        fraud.account_id: first.sanction_id,
        spam.account_id: second.sanction_id,
    }
    assert await listed(court, nobody, same_id_as_group) == {}


async def test_who_won_an_appeal_or_served_the_term_is_off_the_list_at_once(court: Court) -> None:
    fraud, spam = (Subject(account_id=new_id()) for _ in range(2))
    first = await court.in_force(court.proposal(fraud, credit.MEASURE_KIND_BLACKLISTED))
    await court.in_force(court.proposal(spam, credit.MEASURE_KIND_BLACKLISTED))
    appeal = await court.file(first.sanction_id, fraud.account_id)
    await court.assign(appeal.appeal_id)

    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)

    assert set(await listed(court, fraud, spam)) == {spam.account_id}
    court.suite.clock.advance(timedelta(days=30))
    assert await listed(court, fraud, spam) == {}


async def test_removal_shows_in_the_answer_at_once_and_on_the_feed_within_two_seconds(court: Court) -> None:
    fraud = Subject(account_id=new_id())
    stream = court.platform(BlacklistServiceStub).WatchBlacklist(pb.WatchBlacklistRequest())
    sanction = await court.in_force(court.proposal(fraud, credit.MEASURE_KIND_BLACKLISTED))

    async def told(*, revoked: bool) -> pb.BlacklistChange:
        async with asyncio.timeout(2):
            async for item in stream:
                if item.HasField("change") and item.change.entry.HasField("revoke_time") == revoked:
                    return item.change
        raise AssertionError

    added = await told(revoked=False)
    assert added.entry.sanction_id == sanction.sanction_id
    assert len(added.subject_digest) == 32
    assert fraud.account_id not in str(added)
    assert set(await listed(court, fraud)) == {fraud.account_id}

    lift = sanctions.LiftSanctionRequest(request_id=new_id(), sanction_id=sanction.sanction_id, reasons="Paid back.")
    await court.desk(SanctionServiceStub, "approver", "app-2").LiftSanction(lift)

    assert await listed(court, fraud) == {}
    removed = await told(revoked=True)
    assert (removed.entry.entry_id, removed.subject_digest) == (added.entry.entry_id, added.subject_digest)


async def test_stay_ahead_travels_on_the_feed(court: Court) -> None:
    fraud = Subject(account_id=new_id())
    sanction = await court.in_force(court.proposal(fraud, credit.MEASURE_KIND_BLACKLISTED))
    appeal = await court.file(sanction.sanction_id, fraud.account_id)
    stream = court.platform(BlacklistServiceStub).WatchBlacklist(pb.WatchBlacklistRequest())
    async for item in stream:
        if item.change.entry.HasField("stayed_from_time"):
            assert item.change.entry.stayed_from_time == appeal.due_time
            break


async def test_past_instant_is_answered_for_that_instant(court: Court) -> None:
    fraud = Subject(account_id=new_id())
    await court.in_force(court.proposal(fraud, credit.MEASURE_KIND_BLACKLISTED))
    then = court.after()
    court.suite.clock.advance(timedelta(days=60))
    stub = court.platform(BlacklistServiceStub)
    past = await stub.CheckBlacklist(pb.CheckBlacklistRequest(subject=fraud, time=then))
    assert past.entry.subject == fraud
    assert not (await stub.CheckBlacklist(pb.CheckBlacklistRequest(subject=fraud))).HasField("entry")


async def test_holder_has_no_other_account_verified_until_the_stated_date(court: Court) -> None:
    first = await court.person()
    fields = {"register_again_time": court.after(days=60)}
    sanction = await court.in_force(
        court.proposal(Subject(account_id=first), credit.MEASURE_KIND_BLACKLISTED, **fields)
    )
    assert sanction.end_time == fields["register_again_time"]
    assert "No other account of yours is verified before" in court.notice(sanction.sanction_id)["text"]

    refused = await refusal_of(court.again(1))

    assert refused.reason == "VERIFICATION_REFUSED"
    assert "blacklist" not in str(refused) + str(refused.facts), "who tries out numbers learns nothing of others"
    court.suite.clock.advance(timedelta(days=30))
    assert await listed(court, Subject(account_id=first)) == {}
    assert (await refusal_of(court.again(1))).reason == "VERIFICATION_REFUSED"
    court.suite.clock.advance(timedelta(days=30))
    await court.again(1)


async def test_whose_sanction_is_lifted_may_have_another_account_at_once(court: Court) -> None:
    first = await court.person()
    sanction = await court.in_force(court.proposal(Subject(account_id=first), credit.MEASURE_KIND_BLACKLISTED))
    assert (await refusal_of(court.again(1))).reason == "VERIFICATION_REFUSED"
    lift = sanctions.LiftSanctionRequest(request_id=new_id(), sanction_id=sanction.sanction_id, reasons="Paid back.")
    await court.desk(SanctionServiceStub, "approver", "app-2").LiftSanction(lift)
    await court.again(1)
