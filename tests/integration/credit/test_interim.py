"""Interim measures: three days at most, by one person, until two have decided."""

from datetime import timedelta
from typing import Any

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from tests.integration.credit.court import Court
from tests.integration.credit.test_relief import ledger_kinds, lift
from tests.support.refusals import refusal_of


async def impose(court: Court, subject: Subject, *, account: str = "", by: str = "mod-1", **fields: Any) -> pb.Sanction:
    whole: dict[str, Any] = {
        "request_id": new_id(),
        "subject": subject,
        "capacity": credit.CAPACITY_ACCOUNT,
        "reasons": court.reasons(step_justification=""),
        "kinds": [credit.MEASURE_KIND_PUBLISHING_SUSPENDED],
        "until_time": court.after(hours=48),
    }
    desk = court.desk(SanctionServiceStub, "moderator", by, account)
    reply = await desk.ImposeInterimMeasure(pb.ImposeInterimMeasureRequest(**whole | fields))
    sanction: pb.Sanction = reply.sanction
    return sanction


async def imposed(court: Court, subject: Subject, **fields: Any) -> pb.Sanction:
    """Imposes; returns when the notice is delivered."""
    return await court.delivered((await impose(court, subject, **fields)).sanction_id)


async def test_one_person_protects_at_once_and_time_ends_it(court: Court) -> None:
    person = await court.person()
    subject = Subject(account_id=person)

    interim = await imposed(court, subject)

    await court.until_may(person, allowed=False)
    assert interim.interim_until_time == interim.end_time == court.after(hours=48)
    assert (await court.standing(subject)).active_points == 0
    notice = court.notice(interim.sanction_id)
    assert notice["facts"] == interim.statement.reasons.facts
    assert notice["title"] == "A measure about you until there is a decision"
    assert "mod-1" not in str(notice)
    court.suite.clock.advance(timedelta(hours=48))
    assert await court.may(person)
    assert await court.letter("SANCTION_ENDED", interim.sanction_id)


async def test_decision_on_the_same_facts_takes_its_place(court: Court) -> None:
    person = await court.person()
    subject, reasons = Subject(account_id=person), court.reasons()
    interim = await imposed(court, subject, reasons=reasons)
    other = await imposed(court, subject)

    decision = await court.in_force(court.proposal(subject, credit.MEASURE_KIND_WARNED, reasons=reasons))

    replaced = await court.sanction(interim.sanction_id)
    assert (replaced.state, replaced.replacing_sanction_id) == (pb.SANCTION_STATE_REPLACED, decision.sanction_id)
    assert replaced.end_time == decision.start_time
    letter = await court.letter("SANCTION_REPLACED", interim.sanction_id)
    assert (letter["recipient"], letter["subject_id"]) == ("SUBJECT", person)
    assert "took its place" in letter["text"]
    assert (await court.sanction(other.sanction_id)).state == pb.SANCTION_STATE_IN_FORCE
    assert await ledger_kinds(court, subject) == ["POINTS"]
    await lift(court, other.sanction_id)
    await court.until_may(person)


async def test_it_is_not_renewed_for_the_same_facts_before_or_after_the_decision(court: Court) -> None:
    subject, reasons = Subject(account_id=new_id()), court.reasons()
    first = await imposed(court, subject, reasons=reasons)
    more = court.reasons(evidence=[*reasons.evidence, court.evidence()])

    at_once = await refusal_of(impose(court, subject, reasons=more))
    court.suite.clock.advance(timedelta(days=3))
    afterwards = await refusal_of(impose(court, subject, reasons=reasons))
    decided = court.reasons()
    decision = await court.in_force(court.proposal(subject, reasons=decided))
    after_the_decision = await refusal_of(impose(court, subject, reasons=decided))

    assert [each.reason for each in (at_once, afterwards, after_the_decision)] == ["EVIDENCE_REUSED"] * 3
    assert [each.facts["sanction_id"] for each in (at_once, afterwards)] == [first.sanction_id] * 2
    assert after_the_decision.facts["sanction_id"] == decision.sanction_id


async def test_it_is_appealed_like_a_decision_and_then_was_never_there(court: Court) -> None:
    subject = Subject(account_id=new_id())
    interim = await imposed(court, subject)
    start = interim.start_time
    appeal = await court.file(interim.sanction_id, subject.account_id)
    await court.assign(appeal.appeal_id)

    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)

    assert (await court.sanction(interim.sanction_id)).state == pb.SANCTION_STATE_OVERTURNED
    assert list((await court.standing(subject, start)).restrictions) == []


async def test_what_takes_two_persons_is_refused_to_one(court: Court) -> None:
    subject = Subject(account_id=new_id())

    longer = await refusal_of(impose(court, subject, until_time=court.after(hours=72, seconds=1)))
    closing = await refusal_of(impose(court, subject, kinds=[credit.MEASURE_KIND_ACCOUNT_CLOSED]))
    blacklisting = await refusal_of(impose(court, subject, kinds=[credit.MEASURE_KIND_BLACKLISTED]))
    blank = await refusal_of(impose(court, subject, reasons=court.reasons(facts=" ")))
    own = await refusal_of(impose(court, subject, account=subject.account_id))
    duty = await refusal_of(impose(court, subject, capacity=credit.CAPACITY_FOUNDER, group_id=new_id()))

    assert (longer.reason, longer.facts["hours_most"]) == ("TERM_REFUSED", "72")
    assert [each.reason for each in (closing, blacklisting)] == ["MEASURE_NOT_ALLOWED"] * 2
    assert (blank.reason, own.reason, duty.reason) == ("REASONS_REQUIRED", "OWN_ACCOUNT", "OWNER_BREACH_REQUIRED")


async def test_it_is_no_step_of_the_ladder_and_founds_nothing(court: Court) -> None:
    subject = Subject(account_id=new_id())
    interim = await imposed(court, subject, kinds=[credit.MEASURE_KIND_ACCOUNT_SUSPENDED])

    following = await refusal_of(
        court.propose(
            court.proposal(subject, credit.MEASURE_KIND_ACCOUNT_CLOSED, reasons=court.reasons(step_justification=""))
        )
    )
    resting = await refusal_of(court.propose(court.proposal(subject, prior_sanction_ids=[interim.sanction_id])))

    assert following.reason == "LADDER_SKIPPED"
    assert resting.reason == "PRIOR_SANCTION_REFUSED"
