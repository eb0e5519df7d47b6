"""How sanctions end by themselves, or before they begin; and who is told of what ended or eased them."""

from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import notice_service_pb2 as notices
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.notice_service_pb2_grpc import NoticeServiceStub
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from tests.integration.credit.court import Court
from tests.integration.credit.test_relief import lift, stay, vary
from tests.support.refusals import refusal_of


async def withdraw(court: Court, sanction_id: str, *, by: str = "mod-1") -> pb.Sanction:
    request = pb.WithdrawSanctionRequest(request_id=new_id(), sanction_id=sanction_id)
    sanction: pb.Sanction = (await court.desk(SanctionServiceStub, "moderator", by).WithdrawSanction(request)).sanction
    return sanction


async def test_end_by_itself_is_signed_by_the_system_and_told(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    court.suite.clock.advance(timedelta(days=30))
    at_once = await court.sanction(sanction.sanction_id)

    letter = await court.letter("SANCTION_ENDED", sanction.sanction_id)

    assert at_once.state == pb.SANCTION_STATE_EXPIRED, "nobody waits for the record"
    recorded = await court.sanction(sanction.sanction_id)
    assert recorded.end_record_time.ToDatetime() >= recorded.end_time.ToDatetime()
    assert (letter["recipient"], letter["subject_id"]) == ("SUBJECT", sanction.subject.account_id)
    record = await court.audited(sanction.sanction_id, "credit.sanction.ended")
    assert (record.person, record.method) == ("", "job:end-sanction")
    assert record.facts["signed_by"] == "system"


async def test_what_a_person_ended_is_not_signed_by_the_system(court: Court) -> None:
    lifted = await court.in_force(court.proposal())
    await lift(court, lifted.sanction_id)
    other = await court.in_force(court.proposal())

    court.suite.clock.advance(timedelta(days=30))
    # Ends are recorded in their order, so the letter about the later one shows that the earlier was passed over.
    await court.letter("SANCTION_ENDED", other.sanction_id)

    assert not (await court.sanction(lifted.sanction_id)).HasField("end_record_time")
    kinds = [each["kind"] for each in court.notices() if each.get("sanction_id") == lifted.sanction_id]
    assert kinds == ["SANCTION_LIFTED"]


async def test_varied_sanction_ends_when_it_was_varied_to(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    await vary(court, sanction.sanction_id, days=10)

    court.suite.clock.advance(timedelta(days=10))

    letter = await court.letter("SANCTION_ENDED", sanction.sanction_id)
    assert f"{court.suite.clock.now():%Y-%m-%d}" in letter["text"]


async def test_what_eases_a_sanction_is_told_with_its_reasons_in_the_language_that_was_chosen(court: Court) -> None:
    subject = Subject(account_id=new_id())
    await court.platform(NoticeServiceStub).ChooseNoticeLanguage(
        notices.ChooseNoticeLanguageRequest(
            request_id=new_id(), subject=subject, language=notices.NOTICE_LANGUAGE_CHINESE
        )
    )
    sanction = await court.in_force(court.proposal(subject))
    await court.file(sanction.sanction_id, subject.account_id)
    await stay(court, sanction.sanction_id)
    await vary(court, sanction.sanction_id)
    await lift(court, sanction.sanction_id)

    letters = [await court.letter(f"SANCTION_{act}", sanction.sanction_id) for act in ("STAYED", "VARIED", "LIFTED")]

    assert [letter["language"] for letter in letters] == ["zh"] * 3
    for letter, reasons in zip(letters, ("It seems plausible.", "Some were paid.", "All were paid."), strict=True):
        assert reasons in letter["text"]
        assert not {"mod-1", "app-1", "app-2"} & set(str(letter).split())


async def test_proposal_is_taken_back_by_who_made_it_and_frees_its_evidence(court: Court) -> None:
    subject, reasons = Subject(account_id=new_id()), court.reasons()
    proposed = await court.propose(court.proposal(subject, reasons=reasons), by="mod-1")

    other = await refusal_of(withdraw(court, proposed.sanction_id, by="mod-2"))
    withdrawn = await withdraw(court, proposed.sanction_id)
    approved = await refusal_of(court.approve(proposed.sanction_id))
    again = await refusal_of(withdraw(court, proposed.sanction_id))

    assert other.reason == "PROPOSAL_NOT_YOURS"
    assert withdrawn.state == pb.SANCTION_STATE_WITHDRAWN
    assert [(each.reason, each.facts["state"]) for each in (approved, again)] == [("WRONG_STATE", "WITHDRAWN")] * 2
    assert (await court.propose(court.proposal(subject, reasons=reasons))).state == pb.SANCTION_STATE_PROPOSED
    assert court.notices() == []


async def test_sanction_that_was_approved_is_not_taken_back(court: Court) -> None:
    sanction = await court.in_force(court.proposal())

    refused = await refusal_of(withdraw(court, sanction.sanction_id))

    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "IN_FORCE")


async def test_end_gives_the_right_back_at_its_instant(court: Court) -> None:
    person = await court.person()
    await court.in_force(court.proposal(Subject(account_id=person), credit.MEASURE_KIND_PUBLISHING_SUSPENDED))
    await court.until_may(person, allowed=False)

    court.suite.clock.advance(timedelta(days=30))

    assert await court.may(person)
