"""`BatchCheck` of 1,000 questions a call."""

import grpc

from bench.line import Line
from bench.load import TIMEOUT, Load, Plan, Side, median, saturate, spread
from bench.processes import Server
from bench.world import World, WrongAnswerError, answered
from ombud.groups.v1 import decision_service_pb2 as decisions
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub

BUDGET = 500_000
_A_CALL = 1_000
_CALLS = 20
# Enough that the server always has a call to work on; more would only wait.
_IN_FLIGHT = 4


async def measure(suite: Server, world: World, plan: Plan) -> Line:
    """Decisions a second, each with an account and a group of its own.

    Raises:
        WrongAnswerError: An answer is not what it must be.
    """
    asked = [
        world.questions(_CALLS * _A_CALL)[start : start + _A_CALL] for start in range(0, _CALLS * _A_CALL, _A_CALL)
    ]
    requests = [
        decisions.BatchCheckRequest(
            action=decisions.ACTION_POST,
            account_ids=[account for account, _ in questions],
            group_ids=[group for _, group in questions],
        )
        for questions in asked
    ]
    expected = [[world.expected(decisions.ACTION_POST, *question) for question in questions] for questions in asked]
    metadata = (("authorization", f"Bearer {world.token}"),)
    loads: list[Load] = []
    async with grpc.aio.insecure_channel(suite.target) as channel:
        stub = DecisionServiceStub(channel)
        side = Side(
            suite, lambda number: stub.BatchCheck(requests[number % _CALLS], metadata=metadata, timeout=TIMEOUT)
        )
        for _ in range(plan.runs + 1):
            loads.append(await saturate(side, plan.seconds, _IN_FLIGHT))
            _inspect(loads[-1], expected)
    counted = loads[1:]
    value = median([load.rate for load in counted]) * _A_CALL
    more: dict[str, float] = {"runs": plan.runs, "calls_a_second": value / _A_CALL}
    more |= {name: figure for name, figure in spread(counted).items() if name not in ("min", "max")}
    return Line("batch", value, "decisions/s", budget=BUDGET, ok=value >= BUDGET, more=more)


def _inspect(load: Load, expected: list[list[tuple[str, str]]]) -> None:
    for number, reply in load.answers:
        distinct = [answered(decision) for decision in reply.decisions]
        if [distinct[index] for index in reply.decision_indexes] != expected[number % _CALLS]:
            raise WrongAnswerError("BatchCheck: an answer is not what it must be")
