"""Who had any part in a case reviews no appeal in it, whenever they had it."""

from chassis.ids import new_id
from chassis.peers import Peers
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.appeal_service_pb2_grpc import AppealServiceStub
from ombud.groups.v1 import tipoff_service_pb2 as tipoffs
from ombud.groups.v1.tipoff_service_pb2_grpc import TipOffServiceStub
from services.credit.groups_peer import GroupsPeer
from tests.integration.credit.court import Court
from tests.integration.credit.test_interim import imposed
from tests.integration.credit.test_relief import stay, vary
from tests.support.refusals import refusal_of


async def refused_to(court: Court, staff: str, sanction_id: str, subject: Subject) -> OmbudError:
    """How the appeal of somebody is refused to the only person on the roster."""
    appeal = await court.file(sanction_id, subject.account_id)
    return await refusal_of(court.assign(appeal.appeal_id, to=staff))


async def test_who_imposed_the_interim_measure_does_not_review_the_decision(court: Court) -> None:
    subject, reasons = Subject(account_id=new_id()), court.reasons()
    await imposed(court, subject, by="mod-9", reasons=reasons)
    decision = await court.in_force(court.proposal(subject, credit.MEASURE_KIND_WARNED, reasons=reasons))

    refused = await refused_to(court, "mod-9", decision.sanction_id, subject)

    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "SAME_FACTS")


async def test_who_decided_does_not_review_the_interim_measure_before_it(court: Court) -> None:
    subject, reasons = Subject(account_id=new_id()), court.reasons()
    interim = await imposed(court, subject, reasons=reasons)
    await court.in_force(
        court.proposal(subject, credit.MEASURE_KIND_WARNED, reasons=reasons), by="mod-2", approver="app-2"
    )

    refused = await refused_to(court, "app-2", interim.sanction_id, subject)

    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "SAME_FACTS")


async def test_who_decided_what_a_sanction_rests_on_does_not_review_it(court: Court) -> None:
    subject = Subject(account_id=new_id())
    first = await court.in_force(court.proposal(subject), by="mod-2", approver="app-2")
    second = await court.in_force(
        court.proposal(subject, prior_sanction_ids=[first.sanction_id]), by="mod-3", approver="app-3"
    )
    third = await court.in_force(court.proposal(subject, prior_sanction_ids=[second.sanction_id]))

    appeal = await court.file(third.sanction_id, subject.account_id)
    await court.reviewers("mod-2", "app-2", "mod-3")
    refused = await refusal_of(court.assign(appeal.appeal_id, to="app-3"))

    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "GROUND")
    assert (await court.assign(appeal.appeal_id, to="rev-1")).state == pb.APPEAL_STATE_UNDER_REVIEW
    # Only who has the appeal can give it up.
    await court.desk(AppealServiceStub, "reviewer", "rev-1").RecuseReviewer(
        pb.RecuseReviewerRequest(request_id=new_id(), appeal_id=appeal.appeal_id)
    )


async def test_who_made_a_sanction_milder_does_not_review_it(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    await vary(court, sanction.sanction_id)

    refused = await refused_to(court, "app-2", sanction.sanction_id, sanction.subject)

    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "RELIEF")


async def test_who_decided_the_tip_off_does_not_review_what_followed(court: Court) -> None:
    tip_off_id = await court.tip_off()
    sanction = await court.in_force(court.proposal(tip_off_id=tip_off_id))
    desk = court.desk(TipOffServiceStub, "moderator", "mod-9")
    await desk.TriageTipOff(
        tipoffs.TriageTipOffRequest(
            request_id=new_id(), tip_off_id=tip_off_id, category=tipoffs.TIP_OFF_CATEGORY_FRAUD, priority=1
        )
    )
    await desk.DecideTipOff(
        tipoffs.DecideTipOffRequest(
            request_id=new_id(),
            tip_off_id=tip_off_id,
            outcome=tipoffs.TIP_OFF_OUTCOME_ACTION_TAKEN,
            reasons="They sold what was not there.",
            sanction_ids=[sanction.sanction_id],
        )
    )

    refused = await refused_to(court, "mod-9", sanction.sanction_id, sanction.subject)

    assert (refused.reason, refused.facts["conflict"]) == ("REVIEWER_NOT_INDEPENDENT", "TIP_OFF")


async def test_reviewer_who_takes_another_part_decides_no_longer(court: Court) -> None:
    sanction = await court.in_force(court.proposal())
    appeal = await court.file(sanction.sanction_id, sanction.subject.account_id)
    await court.assign(appeal.appeal_id, to="app-2")
    await stay(court, sanction.sanction_id)

    decided = await refusal_of(court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="app-2"))
    reviewer = court.desk(AppealServiceStub, "reviewer", "app-2")
    dismissed = await refusal_of(
        reviewer.DismissAppeal(
            pb.DismissAppealRequest(
                request_id=new_id(), appeal_id=appeal.appeal_id, reasons="No.", declares_no_conflict=True
            )
        )
    )

    assert [each.facts["conflict"] for each in (decided, dismissed)] == ["RELIEF"] * 2
    await reviewer.RecuseReviewer(pb.RecuseReviewerRequest(request_id=new_id(), appeal_id=appeal.appeal_id))
    await court.assign(appeal.appeal_id, to="rev-1")
    assert (await court.decide(appeal.appeal_id, pb.APPEAL_OUTCOME_UPHELD, by="rev-1")).reasons


async def test_tip_off_that_groups_has_lost_ties_nobody_and_holds_up_no_appeal(court: Court) -> None:
    peers = Peers({"groups": f"127.0.0.1:{court.suite.port}"}, token=court.suite.issuer.workload_source("credit"))

    assert await GroupsPeer(peers).deciders(new_id()) == frozenset()

    await peers.close()
