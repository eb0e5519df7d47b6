"""Orders to put a breach right by a date: a fact on record either way, and no penalty by itself."""

from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from tests.integration.credit.court import Court
from tests.integration.credit.test_relief import stay
from tests.support.refusals import refusal_of


async def ordered(court: Court, subject: Subject | None = None) -> pb.Sanction:
    return await court.in_force(court.proposal(subject, credit.MEASURE_KIND_RECTIFICATION_ORDERED))


async def put_right(court: Court, sanction_id: str, *, account: str = "") -> pb.Sanction:
    request = pb.RecordRectificationRequest(
        request_id=new_id(), sanction_id=sanction_id, proof_sha256=new_id().replace("-", "") * 2
    )
    desk = court.desk(SanctionServiceStub, "moderator", "mod-2", account)
    sanction: pb.Sanction = (await desk.RecordRectification(request)).sanction
    return sanction


async def test_order_takes_no_right_and_its_following_is_on_record(court: Court) -> None:
    person = await court.person()
    sanction = await ordered(court, Subject(account_id=person))

    done = await put_right(court, sanction.sanction_id)
    again = await refusal_of(put_right(court, sanction.sanction_id))

    assert sanction.rectification == pb.RECTIFICATION_STATE_ORDERED
    assert (done.rectification, done.rectify_time) == (pb.RECTIFICATION_STATE_DONE, court.after())
    assert await court.may(person)
    assert "done in time" in (await court.letter("RECTIFICATION_RECORDED", sanction.sanction_id))["text"]
    assert (again.reason, again.facts["state"]) == ("WRONG_STATE", "DONE")
    court.suite.clock.advance(timedelta(days=30))
    assert (await court.sanction(sanction.sanction_id)).rectification == pb.RECTIFICATION_STATE_DONE


async def test_order_that_was_not_followed_is_a_fact_and_changes_nothing(court: Court) -> None:
    sanction = await ordered(court)
    points = (await court.standing(sanction.subject)).active_points

    court.suite.clock.advance(timedelta(days=30))

    missed = await court.sanction(sanction.sanction_id)
    assert missed.rectification == pb.RECTIFICATION_STATE_MISSED
    late = await refusal_of(put_right(court, sanction.sanction_id))
    assert (late.reason, late.facts["state"]) == ("WRONG_STATE", "MISSED")
    letter = await court.letter("RECTIFICATION_MISSED", sanction.sanction_id)
    assert "Nothing follows from that by itself" in letter["text"]
    record = await court.audited(sanction.sanction_id, "credit.sanction.ended")
    assert (record.facts["rectification"], record.person) == ("MISSED", "")
    standing = await court.standing(sanction.subject)
    assert (standing.active_points, list(standing.restrictions)) == (points, [])


async def test_order_that_is_stayed_at_its_date_is_not_missed(court: Court) -> None:
    sanction = await ordered(court)
    await court.file(sanction.sanction_id, sanction.subject.account_id)
    await stay(court, sanction.sanction_id)

    court.suite.clock.advance(timedelta(days=30))

    assert (await court.sanction(sanction.sanction_id)).rectification == pb.RECTIFICATION_STATE_UNSPECIFIED


async def test_what_is_not_ordered_or_an_own_account_is_not_put_right(court: Court) -> None:
    other, own = await court.in_force(court.proposal()), await ordered(court)

    nothing = await refusal_of(put_right(court, other.sanction_id))
    related = await refusal_of(put_right(court, own.sanction_id, account=own.subject.account_id))

    assert (nothing.reason, nothing.facts["state"]) == ("WRONG_STATE", "NONE")
    assert related.reason == "OWN_ACCOUNT"
