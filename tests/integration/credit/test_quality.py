"""A sample of decided appeals is looked at again, by another person, who does not know how it ended."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import quality_service_pb2 as pb
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import transparency_service_pb2 as transparency
from ombud.credit.v1.quality_service_pb2_grpc import QualityServiceStub
from ombud.credit.v1.transparency_service_pb2_grpc import TransparencyServiceStub
from tests.integration.credit.court import Court
from tests.integration.credit.test_relief import lift
from tests.support.refusals import refusal_of
from tests.support.suite import all_reviewed_twice, running_suite


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with running_suite(tmp_path / "data", policy=all_reviewed_twice(tmp_path)) as running:
        yield Court(running)


async def decided(
    court: Court, subject: Subject | None = None, by: str = ""
) -> tuple[sanctions.Sanction, appeals.Appeal]:
    """An appeal that rev-1 decided; gives its sanction and the appeal."""
    sanction = await court.in_force(court.proposal(subject))
    appeal = await court.file(sanction.sanction_id, by or sanction.subject.account_id)
    await court.assign(appeal.appeal_id, to="rev-1")
    return sanction, await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED, reasons="Never sold.")


async def take(court: Court, staff: str, account: str = "") -> pb.BlindReview | None:
    stub = court.desk(QualityServiceStub, "reviewer", staff, account)
    reply = await stub.TakeBlindReview(pb.TakeBlindReviewRequest())
    return reply.review if reply.HasField("review") else None


async def record(
    court: Court, staff: str, review_id: str, outcome: appeals.AppealOutcome.ValueType = appeals.APPEAL_OUTCOME_UPHELD
) -> None:
    stub = court.desk(QualityServiceStub, "reviewer", staff)
    await stub.RecordBlindReview(
        pb.RecordBlindReviewRequest(request_id=new_id(), review_id=review_id, outcome=outcome, reasons="It was sold.")
    )


async def test_second_reviewer_sees_the_case_and_nothing_of_its_outcome_or_of_who_it_was(court: Court) -> None:
    sanction, appeal = await decided(court)

    review = await take(court, "rev-2")

    assert review is not None
    assert (review.reasons.facts, review.statement) == (sanction.statement.reasons.facts, appeal.statement)
    assert list(review.measures) == list(sanction.measures)
    told = str(review)
    identifying = (sanction.sanction_id, appeal.appeal_id, sanction.subject.account_id, "mod-1", "app-1", "rev-1")
    assert not [each for each in (*identifying, "OVERTURNED", "Never sold.") if each in told]


async def test_nobody_with_a_part_in_the_case_gets_it(court: Court) -> None:
    owner, member, stranger = await court.person(), await court.person(), await court.person()
    group = await court.group(owner, member)
    await decided(court, Subject(group_id=group), by=owner)

    for staff in ("mod-1", "app-1", "rev-1"):
        assert await take(court, staff) is None
    assert await take(court, "rev-2", member) is None
    assert await take(court, "rev-2", stranger) is not None
    assert await take(court, "rev-3") is None


async def test_who_lifted_the_sanction_since_gets_no_second_look_at_it(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id, to="rev-1")
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_UPHELD)
    await lift(court, sanction.sanction_id)

    assert await take(court, "app-2") is None
    assert await take(court, "rev-2") is not None


async def test_review_stays_with_who_took_it_for_its_time(court: Court) -> None:
    await decided(court)
    first = await take(court, "rev-2")
    assert first is not None
    assert await take(court, "rev-2") == first
    assert await take(court, "rev-3") is None
    court.suite.clock.advance(timedelta(days=14))
    later = await take(court, "rev-3")
    assert later is not None
    late = await refusal_of(record(court, "rev-2", first.review_id))
    await record(court, "rev-3", later.review_id)
    again = await refusal_of(record(court, "rev-3", later.review_id))
    unknown = await refusal_of(record(court, "rev-3", new_id()))

    assert (late.reason, again.reason, unknown.reason) == ("REVIEWER_NOT_ASSIGNED", "WRONG_STATE", "NOT_FOUND")


async def test_second_look_changes_nothing_and_is_told_by_rule_alone(court: Court) -> None:
    month = f"{court.suite.clock.now():%Y-%m}"
    sanction, appeal = await decided(court)
    review = await take(court, "rev-2")
    assert review is not None

    await record(court, "rev-2", review.review_id)

    fallen = await court.sanction(sanction.sanction_id)
    assert fallen.state == sanctions.SANCTION_STATE_OVERTURNED
    court.suite.clock.advance(timedelta(days=32))
    request = transparency.GetTransparencyReportRequest(first_month=month, last_month=month)
    report = (await TransparencyServiceStub(court.suite.channel()).GetTransparencyReport(request)).report
    (rule,) = report.rules
    assert (rule.rule_id, rule.blind_reviews.fewer_than_ten) == ("fraud", True)
    assert rule.agreed == transparency.Figure()
    assert "rev-" not in str(report)
    assert appeal.appeal_id not in str(report)
