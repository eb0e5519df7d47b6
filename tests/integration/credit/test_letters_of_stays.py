"""Who is told that a sanction has no effect for a time, and that it has again."""

from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import notice_service_pb2 as notices
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.notice_service_pb2_grpc import NoticeServiceStub
from tests.integration.credit.court import Court
from tests.integration.credit.test_relief import stay


async def a_case_with_a_consequence(court: Court) -> tuple[sanctions.Sanction, sanctions.Sanction, appeals.Appeal]:
    """A sanction on a member, one on the group that rests on it, and the member's appeal."""
    owner, member = await court.person(), await court.person()
    group = await court.group(owner, member)
    ground = await court.in_force(
        court.proposal(Subject(account_id=member), capacity=credit.CAPACITY_MEMBER, group_id=group)
    )
    resting = await court.in_force(
        court.proposal(
            Subject(group_id=group),
            credit.MEASURE_KIND_WARNED,
            prior_sanction_ids=[ground.sanction_id],
            reasons=court.reasons(evidence=[]),
        )
    )
    return ground, resting, await court.file(ground.sanction_id, member)


def kinds(court: Court, sanction: sanctions.Sanction) -> list[str]:
    """The letters about a sanction, oldest first."""
    return [
        each["kind"] for each in court.notices() if each.get("sanction_id") == sanction.sanction_id and "kind" in each
    ]


async def test_missed_deadline_and_its_end_are_told_to_all_whom_the_stay_reaches(court: Court) -> None:
    ground, resting, appeal = await a_case_with_a_consequence(court)
    await court.platform(NoticeServiceStub).ChooseNoticeLanguage(
        notices.ChooseNoticeLanguageRequest(
            request_id=new_id(), subject=resting.subject, language=notices.NOTICE_LANGUAGE_CHINESE
        )
    )

    court.suite.clock.advance(timedelta(days=14))
    late = await court.letter("APPEAL_OVERDUE", ground.sanction_id)
    with_it = await court.letter("GROUND_STAYED", resting.sanction_id)
    court.suite.clock.advance(timedelta(hours=1))
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_UPHELD)
    again = [await court.letter("STAY_ENDED", each.sanction_id) for each in (ground, resting)]

    assert f"{appeal.due_time.ToDatetime():%Y-%m-%d %H:%M} UTC" in late["text"]
    assert (with_it["language"], with_it["subject_id"]) == ("zh", resting.subject.group_id)
    assert again[0]["title"] == "A decision about you has effect again"
    assert kinds(court, ground) == ["APPEAL_FILED", "APPEAL_OVERDUE", "APPEAL_ENDED", "STAY_ENDED"]
    assert kinds(court, resting) == ["GROUND_STAYED", "STAY_ENDED"]
    record = await court.audited(appeal.appeal_id, "credit.appeal.overdue", subject=ground.subject)
    assert (record.person, record.method) == ("", "job:tell-overdue-appeal")


async def test_stay_by_a_person_reaches_what_rests_on_the_sanction(court: Court) -> None:
    ground, resting, appeal = await a_case_with_a_consequence(court)

    await stay(court, ground.sanction_id)
    await court.letter("GROUND_STAYED", resting.sanction_id)
    await court.assign(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)

    await court.letter("SANCTION_FELL", resting.sanction_id)
    assert kinds(court, resting) == ["GROUND_STAYED", "SANCTION_FELL"]


async def test_appeal_in_time_stays_nothing_and_no_stay_is_told(court: Court) -> None:
    ground, resting, appeal = await a_case_with_a_consequence(court)
    await court.assign(appeal.appeal_id)

    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_UPHELD)

    await court.letter("APPEAL_ENDED", ground.sanction_id)
    assert kinds(court, ground) == ["APPEAL_FILED", "APPEAL_ENDED"]
    assert kinds(court, resting) == []
