"""The ledger over gRPC: `GetStanding`, and `RecordRemedy`, durable, each beside a bare echo as large as its request.

`RecordRemedy` is the unary call that writes the ledger at once. Each commits a ledger entry, what the subject may do
from now on in the change feed, an audit record and its idempotency record; meanwhile the same process delivers the
audit records to the log and tells `groups`, as it always does.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from sqlmodel import col, select

from bench import echo
from bench.line import Line
from bench.load import TIMEOUT, Load, Plan, Side, median, spread, turn_about
from bench.past import POINTS, sanctioned
from bench.processes import Server, echo_command, free_port, ready, running, suite_command
from bench.remedies import requests
from bench.world import WrongAnswerError
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from policies import load
from services.credit.standings.models import LedgerRow

BUDGET = 0.5
POLICY = Path(__file__).parents[1] / "policies" / "default.yaml"
# More than can be asked for; each sanction has room for two remedies.
_SANCTIONS_A_SECOND = 2_000


@dataclass(frozen=True)
class _Stand:
    """A suite with a past, and the echo beside it."""

    suite: Server
    peer: Server
    ours: grpc.aio.Channel
    bare: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...]
    plan: Plan

    async def beside(
        self, call: Callable[[int], Awaitable[Any]], size: int, inspect: Callable[[Load], Awaitable[None]]
    ) -> tuple[float, float, dict[str, float]]:
        """Calls a second of ours and of the echo, and what stands beside them."""
        sides = Side(self.suite, call), Side(self.peer, echo.caller(self.bare, size))
        ours, echoes = await turn_about(*sides, self.plan, inspect)
        value, peer_value = (median([load.rate for load in loads]) for loads in (ours, echoes))
        return value, peer_value, {"runs": self.plan.runs, "bytes": size, **spread(ours), "peer_value": peer_value}


async def measure(folder: Path, plan: Plan, fdatasyncs: float) -> tuple[Line, Line]:
    """The lines of reading and of writing.

    Args:
        folder: Where the suite keeps its data; it starts on a past that is put there before.
        plan: How often and how long.
        fdatasyncs: How many the disk does a second.

    Raises:
        WrongAnswerError: A standing is not what it must be, or a remedy that was acknowledged is not in the ledger.
    """
    count = int(_SANCTIONS_A_SECOND * plan.seconds * (plan.runs + 1))
    accounts, acknowledged = [new_id() for _ in range(count)], list[str]()
    (folder / "credit").mkdir(parents=True)
    async with _credit(folder) as database:
        sanction_ids = await sanctioned(database, load(POLICY), accounts)
    async with _stand(folder, plan) as stand:
        lines = await _read(stand, accounts), await _write(stand, sanction_ids, acknowledged, fdatasyncs)
    async with _credit(folder) as database:
        remedies = select(LedgerRow.entry_id).where(col(LedgerRow.proof_sha256).is_not(None))
        present = await database.read(lambda session: session.exec(remedies).all())
    if sorted(present) != sorted(acknowledged):
        raise WrongAnswerError(f"{len(present)} remedies are there, {len(acknowledged)} were acknowledged")
    return lines


@contextlib.asynccontextmanager
async def _credit(folder: Path) -> AsyncIterator[Database]:
    """The database of the suite's credit service, while the suite does not run."""
    url = f"sqlite:///{folder / 'credit' / 'credit.db'}"
    database = Database(url, service="credit", clock=SystemClock(), migrations="services.credit")
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _stand(folder: Path, plan: Plan) -> AsyncIterator[_Stand]:
    ports = free_port(), free_port()
    async with (
        running(echo_command(ports[0]), ports[0]) as peer,
        running(suite_command(ports[1], folder), ports[1]) as suite,
        grpc.aio.insecure_channel(suite.target) as ours,
        grpc.aio.insecure_channel(peer.target) as bare,
    ):
        for server in (peer, suite):
            await ready(server.target)
        await suite.settled()
        token = DevIssuer(folder, SystemClock()).person("bench-moderator", frozenset({"moderator"}))
        metadata = (("authorization", f"Bearer {token}"),)
        yield _Stand(suite, peer, ours, bare, metadata, plan)


async def _read(stand: _Stand, accounts: list[str]) -> Line:
    stub = StandingServiceStub(stand.ours)
    asked = [standings.GetStandingRequest(subject=Subject(account_id=account_id)) for account_id in accounts]

    async def inspect(load: Load) -> None:
        if any(reply.standing.active_points != POINTS for _, reply in load.answers):
            raise WrongAnswerError("GetStanding: the points are not what they must be")

    value, peer_value, more = await stand.beside(
        lambda number: stub.GetStanding(asked[number % len(asked)], metadata=stand.metadata, timeout=TIMEOUT),
        asked[0].ByteSize(),
        inspect,
    )
    return Line("standing", value, "reads/s", echo.NAME, value / peer_value, more=more)


async def _write(stand: _Stand, sanction_ids: list[str], acknowledged: list[str], fdatasyncs: float) -> Line:
    stub, asked = StandingServiceStub(stand.ours), requests(sanction_ids)
    waiting, settled = iter(asked), list[float]()

    async def inspect(load: Load) -> None:
        acknowledged.extend(reply.entry.entry_id for _, reply in load.answers)
        settled.append(await stand.suite.settled())

    value, peer_value, more = await stand.beside(
        lambda _number: stub.RecordRemedy(next(waiting), metadata=stand.metadata, timeout=TIMEOUT),
        asked[0].ByteSize(),
        inspect,
    )
    more |= {"cpu_s_after_a_run": median(settled), "fdatasync_per_s": fdatasyncs}
    ratio = value / peer_value
    return Line("ledger", value, "calls/s", echo.NAME, ratio, BUDGET, ratio >= BUDGET, more)
