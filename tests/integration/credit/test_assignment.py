"""Who reviews an appeal is the server's choice, made as soon as there is somebody to choose."""

from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as pb
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from ombud.retention.v1 import audit_service_pb2 as audit
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from tests.integration.credit.court import Court
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of


async def filed(court: Court, **fields: object) -> tuple[sanctions.Sanction, pb.Appeal]:
    sanction = await court.in_force(court.proposal(**fields))  # type: ignore[arg-type]  # fields of a proposal
    return sanction, await court.file(sanction.sanction_id, sanction.subject.account_id)


async def test_appeal_has_an_independent_reviewer_without_anybody_asking(court: Court) -> None:
    # The issuer and the approver are the first on the roster.
    await court.reviewers("mod-1", "app-1", "rev-1")

    sanction, appeal = await filed(court)

    await court.under_review(appeal.appeal_id)
    assert appeal.state == pb.APPEAL_STATE_FILED
    assert (await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-1")).reasons
    request = audit.QueryAuditRecordsRequest(subject=sanction.subject)

    async def acted() -> str:
        entries = (await court.desk(AuditServiceStub, "auditor", "aud-1").QueryAuditRecords(request)).entries
        return next((each.record.method for each in entries if each.record.action == "credit.appeal.assigned"), "")

    assert await eventually(acted) == "job:assign-reviewer"


async def test_appeal_waits_for_somebody_independent_and_the_deadline_stays_the_sanction(court: Court) -> None:
    await court.reviewers("mod-1", "app-1")
    sanction, appeal = await filed(court)
    nobody = await refusal_of(court.assign(appeal.appeal_id, to="mod-1"))

    court.suite.clock.advance(timedelta(days=15))

    assert (nobody.reason, nobody.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "APPROVER,ISSUER")
    assert (await court.standing(sanction.subject)).active_points == 0
    assert (await court.sanction(sanction.sanction_id)).stayed_from_time == appeal.due_time
    await court.reviewers("rev-1")
    await court.under_review(appeal.appeal_id)


async def test_member_of_the_group_is_passed_over(court: Court) -> None:
    owner, member, stranger = await court.person(), await court.person(), await court.person()
    group = await court.group(owner, member)
    sanction = await court.in_force(court.proposal(Subject(group_id=group)))
    await court.reviewers("rev-1", account=member)
    await court.reviewers("rev-2", account=stranger)

    appeal = await court.file(sanction.sanction_id, owner)

    await court.under_review(appeal.appeal_id)
    insider = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-1"))
    assert insider.reason == "REVIEWER_NOT_ASSIGNED"
    assert (await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-2")).reasons


async def test_who_declares_a_conflict_is_replaced_at_once(court: Court) -> None:
    await court.reviewers("rev-1", "rev-2")
    _, appeal = await filed(court)
    await court.under_review(appeal.appeal_id)

    await court.desk(AppealServiceStub, "reviewer", "rev-1").RecuseReviewer(
        pb.RecuseReviewerRequest(request_id=new_id(), appeal_id=appeal.appeal_id)
    )

    await court.under_review(appeal.appeal_id)
    assert (await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-2")).reasons


async def test_who_does_not_declare_to_be_free_of_conflict_decides_nothing(court: Court) -> None:
    await court.reviewers("rev-1")
    _, appeal = await filed(court)
    await court.under_review(appeal.appeal_id)

    refused = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, declares_no_conflict=False))

    assert refused.reason == "INVALID_FIELD"
    assert [each.field for each in refused.violations] == ["declares_no_conflict"]


async def test_reviewer_in_time_keeps_the_appeal_and_a_late_one_does_not(court: Court) -> None:
    await court.reviewers("rev-1")
    _, appeal = await filed(court)
    await court.under_review(appeal.appeal_id)

    await court.assign(appeal.appeal_id, to="rev-2")
    early = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-2"))
    court.suite.clock.advance(timedelta(days=15))
    await court.assign(appeal.appeal_id, to="rev-2")
    late = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-1"))
    await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-2")
    ended = await refusal_of(court.assign(appeal.appeal_id, to="rev-2"))

    assert (early.reason, late.reason, ended.reason) == (
        "REVIEWER_NOT_ASSIGNED",
        "REVIEWER_NOT_ASSIGNED",
        "WRONG_STATE",
    )
