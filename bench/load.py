"""Load: so many calls in flight for so long, and two servers turn about."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.processes import Server

IN_FLIGHT = 32
# Seconds; what the client of the SDK gives a call. A call without a deadline costs the server more: it sets its own.
TIMEOUT = 5.0


@dataclass(frozen=True)
class Plan:
    """How long to measure.

    Attributes:
        runs: Runs of each side, turn about.
        seconds: Length of a run.
    """

    runs: int
    seconds: float


@dataclass(frozen=True)
class Load:
    """One run.

    Attributes:
        rate: Calls answered a second.
        p99: Milliseconds within which 99 of 100 calls were answered.
        server_cpu: Microseconds of CPU that the server spent on a call, background work of the run included.
        answers: What came back, with the number of its call.
    """

    rate: float
    p99: float
    server_cpu: float
    answers: Sequence[tuple[int, Any]]


@dataclass(frozen=True)
class Side:
    """A server and what is asked of it: `call` takes the number of the call and returns the answer."""

    server: Server
    call: Callable[[int], Awaitable[Any]]


async def saturate(side: Side, seconds: float, in_flight: int = IN_FLIGHT) -> Load:
    """Keeps `in_flight` calls under way for `seconds`; each caller waits for its answer before it asks again."""
    numbers = itertools.count()
    answers: list[tuple[int, Any]] = []
    waits: list[float] = []
    cpu, began = side.server.cpu_seconds(), time.perf_counter()
    end = began + seconds

    async def caller() -> None:
        while (asked := time.perf_counter()) < end:
            number = next(numbers)
            answers.append((number, await side.call(number)))
            waits.append(time.perf_counter() - asked)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    took = time.perf_counter() - began
    return Load(
        rate=len(answers) / took,
        p99=statistics.quantiles(waits, n=100)[-1] * 1e3,
        server_cpu=(side.server.cpu_seconds() - cpu) / len(answers) * 1e6,
        answers=answers,
    )


async def turn_about(
    ours: Side, peer: Side, plan: Plan, inspect: Callable[[Load], Awaitable[None]]
) -> tuple[Sequence[Load], Sequence[Load]]:
    """Runs the peer, then ours, again and again, so that what the machine does meanwhile meets both.

    Args:
        ours: What is measured.
        peer: What it is compared with.
        plan: How often and how long.
        inspect: Judges the answers of each of our runs, and waits until its after-effects are over.

    Returns:
        Our runs and the peer's, without one of each at the start that warmed them up.
    """
    loads: tuple[list[Load], list[Load]] = [], []
    for _ in range(plan.runs + 1):
        loads[1].append(await saturate(peer, plan.seconds))
        loads[0].append(await saturate(ours, plan.seconds))
        await inspect(loads[0][-1])
    return loads[0][1:], loads[1][1:]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def quantile(values: Sequence[float], share: float) -> float:
    """What so large a share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def spread(loads: Sequence[Load], prefix: str = "") -> dict[str, float]:
    """The figures of several runs that stand beside their median."""
    rates = [load.rate for load in loads]
    return {
        f"{prefix}min": min(rates),
        f"{prefix}max": max(rates),
        f"{prefix}p99_ms": median([load.p99 for load in loads]),
        f"{prefix}server_cpu_us": median([load.server_cpu for load in loads]),
    }
