"""An owner answers for duty, not for others' guilt: notice served, tools at hand, time to cure, no cure."""

from datetime import timedelta

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1 import stewardship_service_pb2 as stewardship
from ombud.groups.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from tests.integration.credit.court import Court
from tests.support.refusals import refusal_of


async def serve_notice(court: Court, group: str) -> stewardship.DutyEntry:
    stub = court.desk(StewardshipServiceStub, "moderator", "mod-1")
    reply = await stub.ServeNotice(
        stewardship.ServeNoticeRequest(
            request_id=new_id(),
            group_id=group,
            duty="Ticket fraud goes on in the group; remove who takes part.",
            tools=[stewardship.MANAGEMENT_TOOL_REMOVE_MEMBER],
            cure_end_time=court.after(days=2),
        )
    )
    return reply.entry


def consequence(court: Court, owner: str, group: str, notice: str) -> pb.ProposeSanctionRequest:
    return court.proposal(
        Subject(account_id=owner),
        credit.MEASURE_KIND_MANAGEMENT_SUSPENDED,
        capacity=credit.CAPACITY_FOUNDER,
        group_id=group,
        duty_notice_id=notice,
        reasons=court.reasons(rule_id="duty-of-management", act_time=court.after(seconds=-1)),
    )


async def test_breach_that_the_duty_ledger_records_founds_a_consequence_and_is_cited(court: Court) -> None:
    owner = await court.person()
    group = await court.group(owner)
    notice = await serve_notice(court, group)
    court.suite.clock.advance(timedelta(days=2))

    sanction = await court.in_force(consequence(court, owner, group, notice.notice_id))

    breach = sanction.statement.duty_breach
    assert (breach.notice_id, breach.group_id) == (notice.notice_id, group)
    assert (breach.serve_time, breach.cure_end_time) == (notice.serve_time, notice.cure_end_time)
    await court.until_may(owner, group, decisions.ACTION_MANAGE, allowed=False)


async def test_owner_with_time_left_to_cure_is_not_sanctioned(court: Court) -> None:
    owner = await court.person()
    group = await court.group(owner)
    notice = await serve_notice(court, group)
    court.suite.clock.advance(timedelta(days=2) - timedelta(seconds=1))

    refusal = await refusal_of(court.propose(consequence(court, owner, group, notice.notice_id)))

    assert (refusal.reason, refusal.facts["state"]) == ("OWNER_BREACH_REQUIRED", "SERVED")


async def test_owner_who_cured_is_not_sanctioned(court: Court) -> None:
    owner = await court.person()
    group = await court.group(owner)
    notice = await serve_notice(court, group)
    await court.platform(StewardshipServiceStub).RecordCure(
        stewardship.RecordCureRequest(request_id=new_id(), notice_id=notice.notice_id)
    )
    court.suite.clock.advance(timedelta(days=2))

    refusal = await refusal_of(court.propose(consequence(court, owner, group, notice.notice_id)))

    assert (refusal.reason, refusal.facts["state"]) == ("OWNER_BREACH_REQUIRED", "CURED")


async def test_breach_of_somebody_else_or_elsewhere_founds_nothing(court: Court) -> None:
    owner, other = await court.person(), await court.person()
    group, elsewhere = await court.group(owner), await court.group(other)
    notice = (await serve_notice(court, group)).notice_id
    court.suite.clock.advance(timedelta(days=2))

    for account, where, which in ((other, group, notice), (owner, elsewhere, notice), (owner, group, new_id())):
        refusal = await refusal_of(court.propose(consequence(court, account, where, which)))
        assert refusal.reason == "OWNER_BREACH_REQUIRED"
