from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import referral_service_pb2 as pb
from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceStub
from ombud.retention.v1 import audit_service_pb2 as audit
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from tests.integration.credit.court import Court
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

DAY = timedelta(days=1)
TERM = 1095 * DAY


async def proposed(court: Court, sanction_id: str, *fields: "pb.ReferralField.ValueType") -> pb.Referral:
    request = pb.ProposeReferralRequest(
        request_id=new_id(),
        sanction_id=sanction_id,
        authority="Consumer office",
        legal_basis="Consumer code, article 7",
        fields=fields or (pb.REFERRAL_FIELD_RULE,),
    )
    return (await court.desk(ReferralServiceStub, "moderator", "mod-1").ProposeReferral(request)).referral


async def approved(court: Court, sanction_id: str, *fields: "pb.ReferralField.ValueType") -> pb.Referral:
    referral = await proposed(court, sanction_id, *fields)
    request = pb.ApproveReferralRequest(request_id=new_id(), referral_id=referral.referral_id)
    return (await court.desk(ReferralServiceStub, "approver", "app-1").ApproveReferral(request)).referral


async def handed_over(court: Court, referral_id: str) -> pb.ReferralDocument:
    request = pb.HandOverReferralRequest(request_id=new_id(), referral_id=referral_id)
    return (await court.desk(ReferralServiceStub, "moderator", "mod-1").HandOverReferral(request)).document


async def test_authority_gets_the_named_fields_and_nothing_else(court: Court) -> None:
    member = Subject(account_id=new_id())
    sanction = await court.in_force(court.proposal(member))
    few = await approved(court, sanction.sanction_id, pb.REFERRAL_FIELD_RULE, pb.REFERRAL_FIELD_ACT_TIME)
    document = await handed_over(court, few.referral_id)
    assert {field.name for field, _ in document.ListFields()} == {
        "referral_id",
        "authority",
        "legal_basis",
        "act_time",
        "rule",
    }
    assert document.rule.clause == sanction.statement.clause
    assert member.account_id not in str(document)
    every = [number for number in pb.ReferralField.values() if number]
    whole = await handed_over(court, (await approved(court, sanction.sanction_id, *every)).referral_id)
    assert {field.name for field, _ in whole.ListFields()} == set(pb.ReferralDocument.DESCRIPTOR.fields_by_name)
    assert (whole.subject, whole.facts) == (member, sanction.statement.reasons.facts)


async def test_nothing_is_handed_over_before_approval_or_once_the_sanction_fell(court: Court) -> None:
    member = Subject(account_id=new_id())
    sanction = await court.in_force(court.proposal(member))
    early = await proposed(court, sanction.sanction_id)
    refused = await refusal_of(handed_over(court, early.referral_id))
    assert (refused.reason, refused.facts["needs"]) == ("WRONG_STATE", "APPROVED")
    referral = await approved(court, sanction.sanction_id)
    await court.reviewers("rev-1")
    appeal = await court.file(sanction.sanction_id, member.account_id)
    await court.under_review(appeal.appeal_id)
    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)
    refused = await refusal_of(handed_over(court, referral.referral_id))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "OVERTURNED")


async def test_referral_is_destroyed_when_its_term_is_over_and_the_log_proves_it(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    referral = await approved(court, sanction.sanction_id)
    assert referral.keep_end_time == court.after(days=1095)
    court.suite.clock.advance(TERM - DAY)
    desk = court.desk(ReferralServiceStub, "auditor", "aud-1")
    assert len((await desk.ListReferrals(pb.ListReferralsRequest())).referrals) == 1

    court.suite.clock.advance(DAY)

    async def certificate() -> pb.ReferralCertificate | None:
        stub = court.desk(ReferralServiceStub, "auditor", "aud-1")
        found = (await stub.ListReferralCertificates(pb.ListReferralCertificatesRequest())).certificates
        return found[0] if found else None

    left = await eventually(certificate)
    assert left is not None
    assert (left.referral_id, left.keep_end_time) == (referral.referral_id, referral.keep_end_time)
    stub = court.desk(ReferralServiceStub, "auditor", "aud-1")
    assert not (await stub.ListReferrals(pb.ListReferralsRequest())).referrals

    async def logged() -> list[str]:
        query = audit.QueryAuditRecordsRequest(subject=sanction.subject)
        reply = await court.desk(AuditServiceStub, "auditor", "aud-1").QueryAuditRecords(query)
        records = [entry.record for entry in reply.entries]
        return [each.facts["record_sha256"] for each in records if each.action == "credit.referral.destroyed"]

    assert await eventually(logged) == [left.record_sha256]
