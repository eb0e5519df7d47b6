"""Unary `Check`, with all that stands around every RPC, beside a bare echo of a message as large as its request."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from bench import echo
from bench.line import Line
from bench.load import TIMEOUT, Load, Plan, Side, median, spread, turn_about
from bench.processes import Server
from bench.world import World, WrongAnswerError, answered
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub

BUDGET = 0.8
_QUESTIONS = 2_000
_ACTIONS = (decisions.ACTION_POST,) * 7 + (decisions.ACTION_READ, decisions.ACTION_JOIN, decisions.ACTION_MANAGE)


async def measure(suite: Server, peer: Server, world: World, plan: Plan) -> tuple[Line, Line]:
    """The echo's line and that of `Check`.

    Both are called over bare channels of grpc.aio from the same process: what the client costs is the same on both
    sides.

    Raises:
        WrongAnswerError: An answer is not what it must be.
    """
    asked = [
        (_ACTIONS[number % len(_ACTIONS)], account, group)
        for number, (account, group) in enumerate(world.questions(_QUESTIONS))
    ]
    requests = [
        decisions.CheckRequest(account_id=account, group_id=group, action=action) for action, account, group in asked
    ]
    expected = [world.expected(*question) for question in asked]
    size = requests[0].ByteSize()

    async def inspect(load: Load) -> None:
        for number, reply in load.answers:
            index = number % _QUESTIONS
            if answered(reply.decision) != expected[index]:
                raise WrongAnswerError(f"Check: {answered(reply.decision)}, not {expected[index]}")

    async with grpc.aio.insecure_channel(suite.target) as ours, grpc.aio.insecure_channel(peer.target) as bare:
        sides = Side(suite, _caller(ours, requests, world.token)), Side(peer, echo.caller(bare, size))
        checks, echoes = await turn_about(*sides, plan, inspect)
    value, peer_value = median([load.rate for load in checks]), median([load.rate for load in echoes])
    ratio = value / peer_value
    shape: dict[str, float] = {"runs": plan.runs, "bytes": size}
    return (
        Line("echo", peer_value, "calls/s", more=shape | spread(echoes)),
        Line(
            "check",
            value,
            "calls/s",
            echo.NAME,
            ratio,
            BUDGET,
            ratio >= BUDGET,
            shape | spread(checks) | {"peer_value": peer_value},
        ),
    )


def _caller(
    channel: grpc.aio.Channel, requests: list[decisions.CheckRequest], token: str
) -> Callable[[int], Awaitable[Any]]:
    stub = DecisionServiceStub(channel)
    metadata = (("authorization", f"Bearer {token}"),)
    return lambda number: stub.Check(requests[number % len(requests)], metadata=metadata, timeout=TIMEOUT)
