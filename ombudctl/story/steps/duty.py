"""Step 6: an owner answers for a duty, after notice, with tools and time, and not otherwise."""

from datetime import timedelta

from ombud.client import request_id
from ombud.credit.v1.sanction_service_pb2 import ProposeSanctionRequest
from ombud.credit.v1.types_pb2 import CAPACITY_FOUNDER
from ombud.groups.v1.stewardship_service_pb2 import (
    DUTY_STATE_BREACHED,
    DUTY_STATE_CURED,
    DUTY_STATE_SERVED,
    MANAGEMENT_TOOL_APPROVE_JOINING,
    MANAGEMENT_TOOL_REMOVE_MESSAGE,
    DutyEntry,
    DutyState,
    GetDutyLedgerRequest,
    RecordCureRequest,
    ServeNoticeRequest,
)
from ombud.groups.v1.stewardship_service_pb2_grpc import StewardshipServiceStub
from ombudctl.story.cases import account, desk, evidence, impose, measures, reasons, stamp
from ombudctl.story.scene import Scene
from ombudctl.story.world import MODERATOR, World


async def play(world: World, scene: Scene) -> None:
    """One notice cured, one not."""
    hours = world.pack.groups.least_cure_hours
    scene.says(
        f"The owner is served a notice of a duty: what is missing, the tools at hand, and at least {hours} hours."
    )
    await scene.refuses("an hour to cure", "CURE_TIME_TOO_SHORT", _serve(world, 1))
    first = await _serve(world, hours + 1)
    scene.proves("the notice is served", first.state == DUTY_STATE_SERVED)
    await scene.refuses(
        "a consequence while the time runs", "OWNER_BREACH_REQUIRED", _propose(world, first.notice_id, "too early")
    )
    cure = RecordCureRequest(request_id=request_id(), notice_id=first.notice_id)
    await StewardshipServiceStub(world.suite.workload("platform")).RecordCure(cure)
    second = await _serve(world, hours + 1)
    scene.says(
        f"The first is cured in time. A second is served, and [bold]the clock goes forward by {hours + 2} hours[/]."
    )
    await world.suite.advance(timedelta(hours=hours + 2))
    states = await _ledger(world)
    scene.proves(
        "the ledger of duty: the first CURED, the second BREACHED",
        (states[first.notice_id], states[second.notice_id]) == (DUTY_STATE_CURED, DUTY_STATE_BREACHED),
    )
    late = RecordCureRequest(request_id=request_id(), notice_id=second.notice_id)
    await scene.refuses(
        "a cure after the end",
        "CURE_TIME_OVER",
        StewardshipServiceStub(world.suite.workload("platform")).RecordCure(late),
    )
    await scene.refuses(
        "a consequence for the cured one", "OWNER_BREACH_REQUIRED", _propose(world, first.notice_id, "cured")
    )
    await _consequence(world, scene, second)


async def _consequence(world: World, scene: Scene, breached: DutyEntry) -> None:
    sanction = await impose(
        world, scene, "the consequence for the breach is in force", _request(world, breached.notice_id, "not cured")
    )
    ground = sanction.statement.duty_breach
    scene.proves(
        "its ground is the ledger of duty: notice, time, no cure",
        ground.notice_id == breached.notice_id
        and ground.serve_time == breached.serve_time
        and ground.cure_end_time == breached.cure_end_time,
    )
    scene.counts(notices=2, cured=1, breached=1)


async def _serve(world: World, hours: int) -> DutyEntry:
    request = ServeNoticeRequest(
        request_id=request_id(),
        group_id=world.group_id,
        duty="Joining is open to anybody after a threat was made; approve who joins until this has calmed down.",
        tools=[MANAGEMENT_TOOL_REMOVE_MESSAGE, MANAGEMENT_TOOL_APPROVE_JOINING],
        cure_end_time=stamp(world.suite.now() + timedelta(hours=hours)),
    )
    return (await StewardshipServiceStub(world.suite.as_(MODERATOR)).ServeNotice(request)).entry


async def _ledger(world: World) -> dict[str, DutyState.ValueType]:
    stub = StewardshipServiceStub(world.suite.workload("platform"))
    entries = (await stub.GetDutyLedger(GetDutyLedgerRequest(group_id=world.group_id))).entries
    return {entry.notice_id: entry.state for entry in entries}


def _request(world: World, notice_id: str, what: str) -> ProposeSanctionRequest:
    now = world.suite.now()
    act = now - timedelta(minutes=1)
    statement = reasons("duty-of-management", [evidence(what, act)], act)
    statement.facts = "The notice of duty was served with time and tools, and nothing was done by its end."
    statement.explanation = "Whoever founds a group answers a notice of duty within its time."
    return ProposeSanctionRequest(
        request_id=request_id(),
        subject=account(world.cast.founder),
        capacity=CAPACITY_FOUNDER,
        group_id=world.group_id,
        reasons=statement,
        measures=measures(now, WARNED=90),
        points=2,
        duty_notice_id=notice_id,
    )


async def _propose(world: World, notice_id: str, what: str) -> object:
    return await desk(world, MODERATOR).ProposeSanction(_request(world, notice_id, what))
