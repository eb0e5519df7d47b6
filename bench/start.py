"""Start of the suite on a fresh folder: from the start of the process to the first answer of a decision."""

import compileall
import tempfile
import time
from pathlib import Path

import grpc

from bench.line import Line
from bench.load import median
from bench.processes import ALL, free_port, running, suite_command
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from ombud.client import request_id
from ombud.groups.v1.decision_service_pb2 import ACTION_READ, CheckRequest
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub

BUDGET = 2.0
_ROOT = Path(__file__).parents[1]
_CODE = ("chassis", "ombudctl", "policies", "sdk", "services")
_WAIT = 30.0
# How soon the caller knocks again at a door that is not open yet: what it adds to the figure at most.
_KNOCK_EVERY_MS = 10


async def measure(runs: int) -> Line:
    """Median over fresh folders, on all cores, with the code compiled as an installation leaves it."""
    for package in _CODE:
        compileall.compile_dir(_ROOT / package, quiet=2)
    took = [await _once() for _ in range(runs)]
    value = median(took)
    more = {"runs": runs, "min": min(took), "max": max(took)}
    return Line("start", value, "s", budget=BUDGET, ok=value <= BUDGET, more=more)


async def _once() -> float:
    with tempfile.TemporaryDirectory() as folder:
        data_dir, port = Path(folder), free_port()
        token = DevIssuer(data_dir, SystemClock()).workload("platform")
        began = time.perf_counter()
        async with running(suite_command(port, data_dir), port, ALL) as suite:
            await _first_answer(suite.target, token)
            return time.perf_counter() - began


async def _first_answer(target: str, token: str) -> None:
    options = [(f"grpc.{name}_reconnect_backoff_ms", _KNOCK_EVERY_MS) for name in ("initial", "min", "max")]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        await DecisionServiceStub(channel).Check(
            CheckRequest(account_id=request_id(), action=ACTION_READ),
            metadata=(("authorization", f"Bearer {token}"),),
            wait_for_ready=True,
            timeout=_WAIT,
        )
