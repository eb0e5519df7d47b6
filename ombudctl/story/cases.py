"""How the desk of the story words and handles its sanctions."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from ombud.client import request_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1.sanction_service_pb2 import (
    SANCTION_STATE_IN_FORCE,
    ApproveSanctionRequest,
    GetSanctionRequest,
    Measure,
    ProposeSanctionRequest,
    Reasons,
    Sanction,
)
from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceStub
from ombud.credit.v1.types_pb2 import Evidence, MeasureKind
from ombudctl.story.scene import Scene
from ombudctl.story.suite import Person
from ombudctl.story.world import APPROVER, MODERATOR, World

if TYPE_CHECKING:
    from ombud.credit.v1.sanction_service_pb2_grpc import SanctionServiceAsyncStub


def stamp(at: datetime) -> Timestamp:
    """An instant as a message."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def account(account_id: str) -> Subject:
    """An account as a subject."""
    return Subject(account_id=account_id)


def group(group_id: str) -> Subject:
    """A group as a subject."""
    return Subject(group_id=group_id)


def evidence(what: str, at: datetime) -> Evidence:
    """Evidence by its hash."""
    return Evidence(sha256=hashlib.sha256(what.encode()).hexdigest(), observe_time=stamp(at))


def reasons(rule_id: str, what: Sequence[Evidence], at: datetime) -> Reasons:
    """A full statement of reasons.

    Args:
        rule_id: The rule of the policy.
        what: The evidence; none if the sanction rests on others.
        at: When the act took place.

    Returns:
        Everything that a person has to state.
    """
    return Reasons(
        rule_id=rule_id,
        facts="In the group, in front of its members, the account told another member that they would be hurt.",
        explanation="A threat against a person is what the clause forbids, whatever the mood it was written in.",
        act_time=stamp(at),
        evidence=what,
        proportionality_note="A warning alone was weighed; it does not keep the member concerned safe in the meantime.",
        how_to_restore="The rights come back by themselves at the end of the term, or at once if an appeal succeeds.",
        materials_needed="Whatever shows the context in which it was written.",
        step_justification="A threat to hurt somebody can not wait for a third one.",
    )


def measures(now: datetime, **days: int) -> list[Measure]:
    """Measures with their terms in days, by the name of their kind."""
    return [
        Measure(kind=MeasureKind.Value(f"MEASURE_KIND_{name}"), end_time=stamp(now + timedelta(days=term)))
        for name, term in days.items()
    ]


async def impose(world: World, scene: Scene, text: str, request: ProposeSanctionRequest) -> Sanction:
    """Proposes, has a second person approve, and waits for the delivery of the notice.

    Args:
        world: The story's world.
        scene: The step.
        text: What comes into force.
        request: The proposal.

    Returns:
        The sanction in force.
    """
    proposed = (await desk(world, MODERATOR).ProposeSanction(request)).sanction
    await approve(world, proposed.sanction_id, APPROVER)
    return await in_force(world, scene, text, proposed.sanction_id)


async def approve(world: World, sanction_id: str, someone: Person) -> Sanction:
    """Has somebody approve a proposal."""
    request = ApproveSanctionRequest(request_id=request_id(), sanction_id=sanction_id)
    return (await desk(world, someone).ApproveSanction(request)).sanction


async def in_force(world: World, scene: Scene, text: str, sanction_id: str) -> Sanction:
    """Waits until the notice was delivered, which is when a sanction enters into force."""
    stub = desk(world, MODERATOR)

    async def ask() -> Sanction:
        return (await stub.GetSanction(GetSanctionRequest(sanction_id=sanction_id))).sanction

    return await scene.until(text, ask, lambda sanction: sanction.state == SANCTION_STATE_IN_FORCE)


def desk(world: World, someone: Person) -> "SanctionServiceAsyncStub":
    """The sanction service, as somebody at the desk."""
    return SanctionServiceStub(world.suite.as_(someone))
