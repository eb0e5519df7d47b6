import pytest

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as pb
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from tests.integration.credit.court import Court
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of


async def denied(court: Court, action: int, account: str, group: str = "") -> decisions.Decision:
    """The answer of Check once it denies."""
    request = decisions.CheckRequest(account_id=account, group_id=group, action=decisions.Action.ValueType(action))

    async def answer() -> decisions.Decision | None:
        decision = (await court.platform(DecisionServiceStub).Check(request)).decision
        return None if decision.allowed else decision

    found = await eventually(answer)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "action", "reason", "left"),
    [
        ("JOINING_SUSPENDED", decisions.ACTION_JOIN, "JOINING_SUSPENDED", decisions.ACTION_POST),
        ("MEDIA_SUSPENDED", decisions.ACTION_POST_MEDIA, "MEDIA_SUSPENDED", decisions.ACTION_POST),
        ("MANAGEMENT_CANCELLED", decisions.ACTION_CREATE_GROUP, "MANAGEMENT_CANCELLED", decisions.ACTION_POST_MEDIA),
        ("UPDATES_SUSPENDED", decisions.ACTION_POST, "UPDATES_SUSPENDED", decisions.ACTION_JOIN),
    ],
)
async def test_step_of_the_ladder_takes_what_it_names_and_leaves_the_rest(
    court: Court, kind: str, action: int, reason: str, left: int
) -> None:
    person = await court.person()
    measure = credit.MeasureKind.Value(f"MEASURE_KIND_{kind}")
    sanction = await court.in_force(court.proposal(Subject(account_id=person), measure))

    decision = await denied(court, action, person)

    assert decisions.DecisionReason.Name(decision.reason) == f"DECISION_REASON_{reason}"
    assert (decision.fact.kind, decision.fact.id) == (decisions.FACT_KIND_SANCTION, sanction.sanction_id)
    assert decision.fact.time == sanction.end_time
    assert await court.may(person, action=decisions.Action.ValueType(left))


async def test_group_may_lose_one_function_and_keep_the_others(court: Court) -> None:
    founder, visitor = await court.person(), await court.person()
    group = await court.group(founder)
    subject = Subject(group_id=group)
    sanction = await court.in_force(
        court.proposal(subject, credit.MEASURE_KIND_MEDIA_SUSPENDED, credit.MEASURE_KIND_JOINING_SUSPENDED)
    )

    media = await denied(court, decisions.ACTION_POST_MEDIA, founder, group)
    joining = await denied(court, decisions.ACTION_JOIN, visitor, group)

    assert media.reason == decisions.DECISION_REASON_GROUP_MEDIA_SUSPENDED
    assert joining.reason == decisions.DECISION_REASON_GROUP_JOINING_SUSPENDED
    assert {media.fact.id, joining.fact.id} == {sanction.sanction_id}
    assert await court.may(founder, group)


async def test_step_that_is_left_out_needs_a_justification_and_a_second_person(court: Court) -> None:
    gravest = credit.MEASURE_KIND_ACCOUNT_CLOSED
    unjustified = court.proposal(None, gravest, reasons=court.reasons(step_justification=" "))
    refused = await refusal_of(court.propose(unjustified))

    proposed = await court.propose(court.proposal(None, gravest), by="mod-1")
    alone = await refusal_of(court.approve(proposed.sanction_id, by="mod-1"))

    assert (refused.reason, refused.facts["skipped"]) == ("LADDER_SKIPPED", "1")
    assert alone.reason == "SECOND_PERSON_REQUIRED"
    assert (await court.sanction(proposed.sanction_id)).state == pb.SANCTION_STATE_PROPOSED
    assert (await court.approve(proposed.sanction_id, by="app-1")).statement.steps_skipped == 1


async def test_step_after_the_last_one_needs_no_justification(court: Court) -> None:
    subject = Subject(account_id=new_id())
    await court.in_force(court.proposal(subject, credit.MEASURE_KIND_ACCOUNT_SUSPENDED))

    following = await court.propose(
        court.proposal(subject, credit.MEASURE_KIND_ACCOUNT_CLOSED, reasons=court.reasons(step_justification=""))
    )

    assert following.statement.steps_skipped == 0
