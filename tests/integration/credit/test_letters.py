from datetime import timedelta

from chassis.ids import new_id
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import notice_service_pb2 as notices
from ombud.credit.v1 import referral_service_pb2 as referrals
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from ombud.credit.v1.notice_service_pb2_grpc import NoticeServiceStub
from ombud.credit.v1.referral_service_pb2_grpc import ReferralServiceStub
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of


def a_referral(sanction_id: str, **fields: object) -> referrals.ProposeReferralRequest:
    return referrals.ProposeReferralRequest(
        request_id=new_id(),
        sanction_id=sanction_id,
        authority="Consumer office",
        legal_basis="Consumer code, article 7",
        fields=[referrals.REFERRAL_FIELD_RULE],
        **fields,  # type: ignore[arg-type]  # fields of the request
    )


async def referred(court: Court, sanction_id: str, **fields: object) -> str:
    proposed = await court.desk(ReferralServiceStub, "moderator", "mod-1").ProposeReferral(
        a_referral(sanction_id, **fields)
    )
    approval = referrals.ApproveReferralRequest(request_id=new_id(), referral_id=proposed.referral.referral_id)
    await court.desk(ReferralServiceStub, "approver", "app-1").ApproveReferral(approval)
    return proposed.referral.referral_id


async def test_notice_comes_in_the_language_that_was_chosen(court: Court) -> None:
    proposal = court.proposal()
    await court.platform(NoticeServiceStub).ChooseNoticeLanguage(
        notices.ChooseNoticeLanguageRequest(
            request_id=new_id(), subject=proposal.subject, language=notices.NOTICE_LANGUAGE_CHINESE
        )
    )

    chinese = court.notice((await court.in_force(proposal)).sanction_id)
    english = court.notice((await court.in_force(court.proposal())).sanction_id)

    assert (chinese["language"], chinese["title"]) == ("zh", "关于您的处理决定")
    assert (english["language"], english["title"]) == ("en", "A decision about you")


async def test_person_is_told_of_a_referral_at_once_and_the_authority_of_its_end(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    referral_id = await referred(court, sanction.sanction_id)
    told = await court.letter("REFERRED", sanction.sanction_id)
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)

    await court.decide(appeal.appeal_id, appeals.APPEAL_OUTCOME_OVERTURNED)
    corrected = await court.letter("REFERRAL_CORRECTED", sanction.sanction_id)

    assert told["subject_id"] == sanction.subject.account_id
    assert all(part in told["text"] for part in ("Consumer office", "Consumer code, article 7", "RULE"))
    assert corrected["recipient"] == "AUTHORITY"
    assert referral_id in corrected["text"]


async def test_person_is_told_of_a_referral_at_the_stated_date_and_not_before(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    await referred(court, sanction.sanction_id, notify_time=court.after(days=10))
    # A letter that is written later and sent at once shows that the earlier one was passed over.
    other = await court.in_force(court.proposal())
    await referred(court, other.sanction_id)
    await court.letter("REFERRED", other.sanction_id)
    assert not [
        each
        for each in court.notices()
        if each.get("kind") == "REFERRED" and each["sanction_id"] == sanction.sanction_id
    ]

    court.suite.clock.advance(timedelta(days=10))

    assert await court.letter("REFERRED", sanction.sanction_id)


async def test_notice_of_a_referral_is_not_put_off_for_ever(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    desk = court.desk(ReferralServiceStub, "moderator", "mod-1")

    refusal = await refusal_of(
        desk.ProposeReferral(a_referral(sanction.sanction_id, notify_time=court.after(days=366)))
    )

    assert refusal.reason == "INVALID_FIELD"


async def test_varied_sanction_stands_in_a_milder_form(court: Court) -> None:
    sanction = await court.in_force(court.proposal(points=6))
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id)
    milder = sanctions.VariedMeasure(kind=credit.MEASURE_KIND_PUBLISHING_SUSPENDED, end_time=court.after(days=3))

    def decision(outcome: int, *measures: sanctions.VariedMeasure, points: int = 0) -> appeals.DecideAppealRequest:
        return appeals.DecideAppealRequest(
            request_id=new_id(),
            appeal_id=appeal.appeal_id,
            outcome=appeals.AppealOutcome.ValueType(outcome),
            reasons="A shorter time is enough.",
            measures=measures,
            points=points,
            declares_no_conflict=True,
        )

    desk = court.desk(AppealServiceStub, "reviewer", "rev-1")
    for wrong in (decision(appeals.APPEAL_OUTCOME_VARIED), decision(appeals.APPEAL_OUTCOME_UPHELD, milder)):
        assert (await refusal_of(desk.DecideAppeal(wrong))).reason == "INVALID_FIELD"
    harsher = await refusal_of(desk.DecideAppeal(decision(appeals.APPEAL_OUTCOME_VARIED, milder, points=7)))
    decided = (await desk.DecideAppeal(decision(appeals.APPEAL_OUTCOME_VARIED, milder, points=2))).appeal

    assert harsher.reason == "POINTS_REFUSED"
    assert decided.outcome == appeals.APPEAL_OUTCOME_VARIED
    standing = await court.standing(sanction.subject)
    assert standing.active_points == 2
    assert [each.end_time for each in standing.restrictions] == [milder.end_time]
    told = (await court.letter("APPEAL_ENDED", sanction.sanction_id))["text"]
    assert "A shorter time is enough." in told
    assert f"You can not publish, until {milder.end_time.ToDatetime():%Y-%m-%d %H:%M} UTC" in told
    assert "Points that count: 2" in told
