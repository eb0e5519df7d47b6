from datetime import timedelta
from typing import TYPE_CHECKING

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as pb
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of

if TYPE_CHECKING:
    from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceAsyncStub


def anybody(court: Court) -> "AppealServiceAsyncStub":
    """A caller without certificate, token or account."""
    return AppealServiceStub(court.suite.channel())


def reviewer(court: Court, staff: str = "rev-1") -> "AppealServiceAsyncStub":
    return court.desk(AppealServiceStub, "reviewer", staff)


async def file(court: Court, receipt: str) -> pb.Appeal:
    request = pb.FileAppealByReceiptRequest(
        request_id=new_id(),
        receipt=receipt,
        grounds=[pb.APPEAL_GROUND_IDENTITY_ERROR],
        statement="I was not even there.",
    )
    return (await anybody(court).FileAppealByReceipt(request)).appeal


async def sanction_with_receipt(court: Court, **fields: object) -> tuple[sanctions.Sanction, str]:
    sanction = await court.in_force(court.proposal(**fields))  # type: ignore[arg-type]  # fields of a proposal
    return sanction, court.notice(sanction.sanction_id)["appeal_receipt"]


async def test_holder_of_the_receipt_appeals_and_follows_it_without_an_account(court: Court) -> None:
    sanction, receipt = await sanction_with_receipt(court)

    filed = await file(court, receipt.lower().replace("-", " "))
    await court.assign(filed.appeal_id)
    await court.decide(filed.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED, reasons="It was a namesake.")
    shown = (await anybody(court).GetAppealByReceipt(pb.GetAppealByReceiptRequest(receipt=receipt))).appeal

    assert filed.sanction_id == sanction.sanction_id
    assert (shown.outcome, shown.reasons) == (pb.APPEAL_OUTCOME_OVERTURNED, "It was a namesake.")
    second = await refusal_of(file(court, receipt))
    assert second.reason == "ALREADY_APPEALED"


async def test_receipt_that_was_never_made_says_no_more_than_one_without_an_appeal(court: Court) -> None:
    _, receipt = await sanction_with_receipt(court)
    forged = receipt[:-1] + ("0" if receipt[-1] != "0" else "1")

    def look(code: str) -> object:
        return anybody(court).GetAppealByReceipt(pb.GetAppealByReceiptRequest(receipt=code))

    refusals = [await refusal_of(look(code)) for code in (receipt, forged, "nothing")]  # type: ignore[arg-type]
    filing = await refusal_of(file(court, forged))

    assert {(refusal.reason, str(refusal.facts)) for refusal in (*refusals, filing)} == {
        ("NOT_FOUND", str(filing.facts))
    }


async def test_question_reaches_the_person_and_the_answer_the_reviewer(court: Court) -> None:
    sanction, receipt = await sanction_with_receipt(court)
    appeal = await file(court, receipt)
    await court.assign(appeal.appeal_id)

    ask = pb.RequestInfoRequest(request_id=new_id(), appeal_id=appeal.appeal_id, question="Where were you then?")
    asked = (await reviewer(court).RequestInfo(ask)).appeal
    letter = await court.letter("APPEAL_ASKED", sanction.sanction_id)
    reply = pb.AnswerInfoRequestRequest(
        request_id=new_id(), receipt=letter["appeal_receipt"], answer="At sea.", evidence=[court.evidence()]
    )
    answered = (await anybody(court).AnswerInfoRequest(reply)).appeal

    assert "Where were you then?" in letter["text"]
    assert (asked.state, answered.state) == (pb.APPEAL_STATE_INFO_REQUESTED, pb.APPEAL_STATE_UNDER_REVIEW)
    assert asked.due_time == answered.due_time == appeal.due_time
    assert [(each.question, each.answer) for each in answered.questions] == [("Where were you then?", "At sea.")]
    assert len(answered.evidence) == 1
    again = pb.AnswerInfoRequestRequest(request_id=new_id(), receipt=receipt, answer="At sea, truly.")
    assert (await refusal_of(anybody(court).AnswerInfoRequest(again))).reason == "WRONG_STATE"


async def test_withdrawn_appeal_ends_its_stay_and_is_the_last(court: Court) -> None:
    sanction, receipt = await sanction_with_receipt(court)
    await file(court, receipt)
    court.suite.clock.advance(timedelta(days=15))
    assert (await court.standing(sanction.subject)).active_points == 0

    withdraw = pb.WithdrawAppealRequest(request_id=new_id(), receipt=receipt)
    withdrawn = (await anybody(court).WithdrawAppeal(withdraw)).appeal

    assert withdrawn.state == pb.APPEAL_STATE_WITHDRAWN
    assert (await court.standing(sanction.subject)).active_points == 3
    assert (await refusal_of(file(court, receipt))).reason == "ALREADY_APPEALED"
    assert "If that was not you" in (await court.letter("APPEAL_WITHDRAWN", sanction.sanction_id))["text"]


async def test_dismissed_appeal_leaves_the_sanction_and_tells_why(court: Court) -> None:
    sanction, receipt = await sanction_with_receipt(court)
    appeal = await file(court, receipt)
    await court.assign(appeal.appeal_id)

    def dismissal(reasons: str) -> pb.DismissAppealRequest:
        return pb.DismissAppealRequest(
            request_id=new_id(), appeal_id=appeal.appeal_id, reasons=reasons, declares_no_conflict=True
        )

    silent = await refusal_of(reviewer(court).DismissAppeal(dismissal(" ")))
    other = await refusal_of(reviewer(court, "rev-2").DismissAppeal(dismissal("No.")))
    dismissed = (await reviewer(court).DismissAppeal(dismissal("It is about another platform."))).appeal
    letter = await court.letter("APPEAL_ENDED", sanction.sanction_id)

    assert (silent.reason, other.reason) == ("REASONS_REQUIRED", "REVIEWER_NOT_ASSIGNED")
    assert dismissed.state == pb.APPEAL_STATE_INADMISSIBLE
    assert "It is about another platform." in letter["text"]
    assert "rev-1" not in str(letter)
    assert (await court.standing(sanction.subject)).active_points == 3


async def test_longer_review_is_told_with_its_reasons_and_the_stay_begins_all_the_same(court: Court) -> None:
    sanction, receipt = await sanction_with_receipt(court)
    appeal = await file(court, receipt)
    await court.assign(appeal.appeal_id)
    prolong = pb.ProlongReviewRequest(
        request_id=new_id(), appeal_id=appeal.appeal_id, reasons="A witness is in hospital."
    )

    prolonged = (await reviewer(court).ProlongReview(prolong)).appeal
    letter = await court.letter("APPEAL_PROLONGED", sanction.sanction_id)
    court.suite.clock.advance(timedelta(days=14))

    until = prolonged.prolonged_until_time.ToDatetime()
    assert until - prolonged.due_time.ToDatetime() == timedelta(days=14)
    assert "A witness is in hospital." in letter["text"]
    assert f"{until:%Y-%m-%d %H:%M}" in letter["text"]
    assert (await court.standing(sanction.subject)).active_points == 0


async def test_overdue_appeals_are_listed_until_they_end(court: Court) -> None:
    _, receipt = await sanction_with_receipt(court)
    appeal = await file(court, receipt)
    desk = court.desk(AppealServiceStub, "auditor", "aud-1")
    assert not (await desk.ListOverdueAppeals(pb.ListOverdueAppealsRequest())).appeals

    court.suite.clock.advance(timedelta(days=14))
    desk = court.desk(AppealServiceStub, "auditor", "aud-1")
    listed = (await desk.ListOverdueAppeals(pb.ListOverdueAppealsRequest())).appeals

    assert [each.appeal_id for each in listed] == [appeal.appeal_id]
    await court.reviewers("rev-1")
    await court.under_review(appeal.appeal_id)
    await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD)
    assert not (await desk.ListOverdueAppeals(pb.ListOverdueAppealsRequest())).appeals


async def test_server_gives_appeals_to_whoever_has_the_fewest(court: Court) -> None:
    await court.reviewers("rev-1", "rev-2")
    filed = [await file(court, (await sanction_with_receipt(court))[1]) for _ in range(3)]
    for appeal in filed:
        await court.under_review(appeal.appeal_id)

    # The first goes to who has waited longest, then to the other; then they are equal again.
    for appeal, staff in zip(filed, ("rev-1", "rev-2", "rev-1"), strict=True):
        assert (await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by=staff)).reasons


async def test_recused_reviewer_never_gets_the_appeal_back(court: Court) -> None:
    _, receipt = await sanction_with_receipt(court)
    appeal = await file(court, receipt)
    await court.assign(appeal.appeal_id)

    recuse = pb.RecuseReviewerRequest(request_id=new_id(), appeal_id=appeal.appeal_id)
    given_up = (await reviewer(court).RecuseReviewer(recuse)).appeal
    nobody = await refusal_of(court.assign(appeal.appeal_id, to="rev-1"))
    await court.reviewers("rev-3")
    await court.under_review(appeal.appeal_id)
    former = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-1"))

    assert given_up.state == pb.APPEAL_STATE_FILED
    assert (nobody.reason, nobody.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "HAD_IT_BEFORE")
    assert former.reason == "REVIEWER_NOT_ASSIGNED"
    assert (await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-3")).reasons


async def test_remanded_case_falls_and_needs_more_to_be_proposed_again(court: Court) -> None:
    reasons = court.reasons()
    sanction, receipt = await sanction_with_receipt(court, reasons=reasons)
    appeal = await file(court, receipt)
    await court.assign(appeal.appeal_id)

    decided = await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_REMANDED, reasons="Nobody asked the buyers.")
    same = await refusal_of(court.propose(court.proposal(sanction.subject, reasons=reasons)))
    reasons.evidence.append(court.evidence())
    anew = await court.propose(court.proposal(sanction.subject, reasons=reasons))

    assert list(decided.effects.overturned_sanction_ids) == [sanction.sanction_id]
    assert (await court.standing(sanction.subject)).active_points == 0
    assert same.reason == "EVIDENCE_REUSED"
    assert anew.state == sanctions.SANCTION_STATE_PROPOSED


async def test_everybody_who_was_told_hears_that_it_fell(court: Court) -> None:
    reporter, subject = await court.person(), Subject(account_id=await court.person())
    first = await court.in_force(court.proposal(subject, reporter_account_id=reporter))
    derived = await court.in_force(
        court.proposal(
            subject,
            credit.MEASURE_KIND_BLACKLISTED,
            prior_sanction_ids=[first.sanction_id],
            reasons=court.reasons(evidence=[]),
        )
    )
    appeal = await court.file(first.sanction_id, subject.account_id)
    await court.assign(appeal.appeal_id)

    await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_OVERTURNED)

    ended = await court.letter("APPEAL_ENDED", first.sanction_id)
    fallen = await court.letter("SANCTION_FELL", derived.sanction_id)
    told = await court.letter("REPORTER_TOLD", "")
    assert {letter["subject_id"] for letter in (ended, fallen)} == {subject.account_id}
    assert (told["recipient"], told["subject_id"]) == ("REPORTER", reporter)
    assert subject.account_id not in str(told)
    assert reporter not in str(ended) + str(fallen)
