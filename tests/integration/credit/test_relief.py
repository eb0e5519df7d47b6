from datetime import timedelta
from typing import Any

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import blacklist_service_pb2 as blacklist
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of


def desk(court: Court, account: str = "") -> Any:
    return court.desk(SanctionServiceStub, "approver", "app-2", account)


async def lift(court: Court, sanction_id: str, *, reasons: str = "All were paid.", account: str = "") -> pb.Sanction:
    request = pb.LiftSanctionRequest(request_id=new_id(), sanction_id=sanction_id, reasons=reasons)
    sanction: pb.Sanction = (await desk(court, account).LiftSanction(request)).sanction
    return sanction


async def stay(court: Court, sanction_id: str, *, reasons: str = "It seems plausible.") -> pb.Sanction:
    request = pb.StaySanctionRequest(request_id=new_id(), sanction_id=sanction_id, reasons=reasons)
    sanction: pb.Sanction = (await desk(court).StaySanction(request)).sanction
    return sanction


async def vary(
    court: Court,
    sanction_id: str,
    *,
    days: int = 10,
    points: int = 1,
    kind: "credit.MeasureKind.ValueType" = credit.MEASURE_KIND_PUBLISHING_SUSPENDED,
) -> pb.Sanction:
    request = pb.VarySanctionRequest(
        request_id=new_id(),
        sanction_id=sanction_id,
        measures=[pb.VariedMeasure(kind=kind, end_time=court.after(days=days))],
        points=points,
        reasons="Some were paid.",
    )
    sanction: pb.Sanction = (await desk(court).VarySanction(request)).sanction
    return sanction


async def ledger_kinds(court: Court, subject: Subject) -> list[str]:
    request = standings.ListLedgerRequest(subject=subject)
    entries = (await court.platform(StandingServiceStub).ListLedger(request)).entries
    return [standings.LedgerEntryKind.Name(entry.kind).removeprefix("LEDGER_ENTRY_KIND_") for entry in entries]


async def test_lift_ends_the_one_sanction_it_names_and_no_other(court: Court) -> None:
    person = await court.person()
    subject = Subject(account_id=person)
    lifted = await court.in_force(court.proposal(subject, points=4))
    other = await court.in_force(court.proposal(subject, points=5))

    answer = await lift(court, lifted.sanction_id)

    assert answer.state == pb.SANCTION_STATE_LIFTED
    assert answer.end_time == answer.lift_time
    assert answer.lift_reasons == "All were paid."
    standing = await court.standing(subject)
    assert standing.active_points == 5
    assert [each.sanction_id for each in standing.restrictions] == [other.sanction_id]
    await court.until_may(person, allowed=False)
    await lift(court, other.sanction_id)
    await court.until_may(person)
    assert await ledger_kinds(court, subject) == ["POINTS", "POINTS", "LIFT", "LIFT"]


async def test_lift_takes_the_subject_off_the_blacklist(court: Court) -> None:
    sanction = await court.in_force(court.proposal(None, credit.MEASURE_KIND_BLACKLISTED))
    check = blacklist.CheckBlacklistRequest(subject=sanction.subject)

    await lift(court, sanction.sanction_id)

    assert not (await court.platform(BlacklistServiceStub).CheckBlacklist(check)).HasField("entry")


async def test_lift_of_what_is_not_in_force_is_refused(court: Court) -> None:
    proposed = await court.propose(court.proposal())
    lifted = await court.in_force(court.proposal())
    await lift(court, lifted.sanction_id)
    expired = await court.in_force(court.proposal())
    own = await court.in_force(court.proposal())

    refusals = [await refusal_of(lift(court, each.sanction_id)) for each in (proposed, lifted)]
    blank = await refusal_of(lift(court, own.sanction_id, reasons=" "))
    related = await refusal_of(lift(court, own.sanction_id, account=own.subject.account_id))
    unknown = await refusal_of(lift(court, new_id()))
    court.suite.clock.advance(timedelta(days=31))
    refusals.append(await refusal_of(lift(court, expired.sanction_id)))

    assert [(each.reason, each.facts["state"]) for each in refusals] == [
        ("WRONG_STATE", "PROPOSED"),
        ("WRONG_STATE", "LIFTED"),
        ("WRONG_STATE", "EXPIRED"),
    ]
    assert (blank.reason, related.reason, unknown.reason) == ("REASONS_REQUIRED", "OWN_ACCOUNT", "NOT_FOUND")


async def test_lifted_sanction_can_be_appealed_and_then_was_never_there(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=9))
    start = sanction.start_time
    court.suite.clock.advance(timedelta(days=1))
    await lift(court, sanction.sanction_id)
    before = await court.standing(sanction.subject, start)
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)

    after = await court.standing(sanction.subject, start)

    assert (before.active_points, after.active_points) == (9, 0)
    assert list(after.restrictions) == []


async def test_variation_shortens_and_takes_points_and_keeps_the_rest(court: Court) -> None:
    subject = Subject(account_id=new_id())
    sanction = await court.in_force(
        court.proposal(
            subject, credit.MEASURE_KIND_PUBLISHING_SUSPENDED, credit.MEASURE_KIND_GROUP_CREATION_CANCELLED, points=9
        )
    )

    varied = await vary(court, sanction.sanction_id, days=10, points=4)

    ends = {measure.kind: measure.end_time for measure in varied.measures}
    assert ends[credit.MEASURE_KIND_PUBLISHING_SUSPENDED] == court.after(days=10)
    assert ends[credit.MEASURE_KIND_GROUP_CREATION_CANCELLED] == court.after(days=30)
    assert varied.vary_reasons == "Some were paid."
    assert (await court.standing(subject)).active_points == 4
    later = await court.standing(subject, court.after(days=10))
    assert [each.kind for each in later.restrictions] == [credit.MEASURE_KIND_GROUP_CREATION_CANCELLED]
    assert await ledger_kinds(court, subject) == ["POINTS", "VARIATION"]


async def test_variation_that_is_harsher_or_a_second_one_is_refused(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=3))

    longer = await refusal_of(vary(court, sanction.sanction_id, days=31))
    past = await refusal_of(vary(court, sanction.sanction_id, days=-1))
    more = await refusal_of(vary(court, sanction.sanction_id, points=4))
    other = await refusal_of(vary(court, sanction.sanction_id, kind=credit.MEASURE_KIND_ACCOUNT_SUSPENDED))
    await vary(court, sanction.sanction_id)
    second = await refusal_of(vary(court, sanction.sanction_id, days=5))

    assert [each.reason for each in (longer, past)] == ["TERM_REFUSED"] * 2
    assert (more.reason, more.facts["most"]) == ("POINTS_REFUSED", "3")
    assert other.reason == "MEASURE_NOT_ALLOWED"
    assert (second.reason, second.facts["state"]) == ("WRONG_STATE", "VARIED")
    assert (await court.standing(sanction.subject)).active_points == 1


async def test_stay_lasts_from_the_act_until_its_appeal_is_decided(court: Court) -> None:
    person = await court.person()
    sanction = await court.in_force(court.proposal(Subject(account_id=person)))
    await court.until_may(person, allowed=False)
    appeal = await court.file(sanction.sanction_id, person)

    stayed = await stay(court, sanction.sanction_id)

    assert stayed.stayed_from_time == court.after()
    assert (await court.standing(sanction.subject)).active_points == 0
    await court.until_may(person)
    await court.assign(appeal.appeal_id)
    court.suite.clock.advance(timedelta(days=1))
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_UPHELD)
    assert (await court.standing(sanction.subject)).active_points == 3
    await court.until_may(person, allowed=False)


async def test_stay_reaches_what_rests_on_it_and_ends_there_with_the_appeal(court: Court) -> None:
    person = await court.person()
    subject = Subject(account_id=person)
    ground = await court.in_force(court.proposal(subject, credit.MEASURE_KIND_WARNED, points=2))
    threshold = await court.in_force(
        court.proposal(subject, points=3, prior_sanction_ids=[ground.sanction_id], reasons=court.reasons(evidence=[]))
    )
    await court.until_may(person, allowed=False)
    appeal = await court.file(ground.sanction_id, person)

    await stay(court, ground.sanction_id)

    await court.until_may(person)
    assert (await court.sanction(threshold.sanction_id)).stayed_from_time == court.after()
    assert (await court.standing(subject)).active_points == 0
    await court.assign(appeal.appeal_id)
    court.suite.clock.advance(timedelta(hours=1))
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_UPHELD)
    await court.until_may(person, allowed=False)
    assert not (await court.sanction(threshold.sanction_id)).HasField("stayed_from_time")
    assert (await court.standing(subject)).active_points == 5


async def test_silence_about_one_decision_stays_what_rests_on_it(court: Court) -> None:
    subject = Subject(account_id=new_id())
    ground = await court.in_force(court.proposal(subject, credit.MEASURE_KIND_WARNED, points=2))
    await court.in_force(
        court.proposal(subject, points=3, prior_sanction_ids=[ground.sanction_id], reasons=court.reasons(evidence=[]))
    )
    await court.file(ground.sanction_id, subject.account_id)

    court.suite.clock.advance(timedelta(days=14))

    standing = await court.standing(subject)
    assert (standing.active_points, list(standing.restrictions)) == (0, [])


async def test_stay_without_an_open_appeal_has_no_cause_and_is_refused(court: Court) -> None:
    sanction = await court.in_force(court.proposal())

    causeless = await refusal_of(stay(court, sanction.sanction_id))
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await stay(court, sanction.sanction_id)
    again = await refusal_of(stay(court, sanction.sanction_id))
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_UPHELD)
    decided = await refusal_of(stay(court, sanction.sanction_id))

    assert (causeless.reason, causeless.facts["state"]) == ("WRONG_STATE", "NONE")
    assert (again.reason, again.facts["state"]) == ("WRONG_STATE", "STAYED")
    assert (decided.reason, decided.facts["state"]) == ("WRONG_STATE", "NONE")
