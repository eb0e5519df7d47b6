"""A draft tried on a million accounts, by the RPC of a running suite: seconds, and how much memory it takes on top."""

import asyncio
import contextlib
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.line import Line
from bench.processes import Server, free_port, ready, running, suite_command
from bench.world import WrongAnswerError
from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from chassis.db.migrate import upgrade
from ombud.client import connect
from ombud.credit.v1.policy_service_pb2 import PolicySimulation, SimulatePolicyRequest
from ombud.credit.v1.policy_service_pb2_grpc import PolicyServiceStub
from policies import Pack, load

ACCOUNTS = 1_000_000
_MOST_SECONDS = 300
_MIB = 1 << 20
_DAY = 86_400_000_000
_POLICY = Path(__file__).parents[1] / "policies" / "default.yaml"
# One entry each, of 1 to 7 points, begun on one of the last 300 days and lasting 180; every fourth account has a second
# one, and every hundredth won a point back.
_ENTRIES = """
WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :accounts)
INSERT INTO ledger_entry (entry_id, kind, subject_kind, subject_id, sanction_id, points, start_at, end_at, recorded_at)
SELECT printf('%08x-0000-7000-{part}-000000000000', n), 'POINTS', 'ACCOUNT',
  printf('%08x-0000-7000-9000-000000000000', n), printf('%08x-0000-7000-{part}-000000000000', n), 1 + n % 7,
  :now - (n * 7 % 300) * :day, :now + (180 - n * 7 % 300) * :day, :now - (n * 7 % 300) * :day
FROM number WHERE n % {every} = 0
"""
_RELIEFS = """
INSERT INTO ledger_entry (entry_id, kind, subject_kind, subject_id, sanction_id, points, end_at, relieved_entry_id,
  proof_sha256, recorded_at)
SELECT replace(entry_id, '-a000-', '-c000-'), 'COURSE', subject_kind, subject_id, sanction_id, 1, end_at, entry_id,
  printf('%064x', rowid), start_at + 1
FROM ledger_entry WHERE entry_id LIKE '%-a000-%' AND rowid % 100 = 0
"""


@dataclass
class Peak:
    """The most memory that was seen."""

    resident_bytes: int


async def measure() -> Line:
    """One simulation, judged against counts that the database makes of the same ledger.

    Raises:
        WrongAnswerError: An account is missing, or too many or too few would change.
    """
    with tempfile.TemporaryDirectory() as name:
        data_dir, port = Path(name), free_port()
        single = _fill(data_dir / "credit" / "credit.db")
        async with running(suite_command(port, data_dir), port) as suite:
            await ready(suite.target)
            await suite.settled()
            before = suite.resident_bytes()
            async with _watched(suite) as peak:
                found, seconds = await _simulate(suite, data_dir)
    if found.accounts != ACCOUNTS or not single <= found.accounts_with_another_tier < ACCOUNTS:
        raise WrongAnswerError(f"{found.accounts} accounts, {found.accounts_with_another_tier} in another tier")
    more = {
        "accounts": ACCOUNTS,
        "another_tier": found.accounts_with_another_tier,
        "memory_mib": (peak.resident_bytes - before) / _MIB,
    }
    return Line("simulate", seconds, "s", more=more)


def draft() -> Pack:
    """The default pack, with a first step of the tiers that is entered a point sooner."""
    document = load(_POLICY).model_dump(mode="json") | {"version": "draft"}
    document["credit"]["tiers"][1] |= {"from_points": 2, "recovers_below": None}
    return Pack.model_validate(document)


def _fill(path: Path) -> int:
    """Makes the ledger; returns how many accounts have but one entry, of two points that count now."""
    path.parent.mkdir(parents=True)
    upgrade(f"sqlite:///{path}", "services.credit")
    with contextlib.closing(sqlite3.connect(path)) as database:
        # The ledger alone: of sanctions a simulation looks at what it stays or rests on, and there is nothing of that.
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA synchronous = OFF")
        now = int(time.time() * 1e6)
        for part, every in (("a000", 1), ("b000", 4)):
            entries = _ENTRIES.format(part=part, every=every)
            database.execute(entries, {"accounts": ACCOUNTS, "now": now, "day": _DAY})
        database.execute(_RELIEFS)
        # By the end of the simulation a minute may have passed; nothing of the ledger ends within it.
        of_two = (
            "SELECT count(*) FROM (SELECT max(points) AS points, max(end_at) AS end_at FROM ledger_entry"
            " GROUP BY subject_id HAVING count(*) = 1) WHERE points = 2 AND end_at > ?"
        )
        (single,) = database.execute(of_two, (now,)).fetchone()
        database.commit()
    return int(single)


async def _simulate(suite: Server, data_dir: Path) -> tuple[PolicySimulation, float]:
    token = DevIssuer(data_dir, SystemClock()).person(
        "policy-1", frozenset({"policy_officer"}), workload="desk", account_id=""
    )
    request = SimulatePolicyRequest(document=draft().canonical)
    async with connect(suite.target, token=token) as channel:
        began = time.perf_counter()
        answer = await PolicyServiceStub(channel).SimulatePolicy(request, timeout=_MOST_SECONDS)
        return answer.simulation, time.perf_counter() - began


@contextlib.asynccontextmanager
async def _watched(suite: Server) -> AsyncIterator[Peak]:
    peak = Peak(suite.resident_bytes())

    async def look() -> None:
        while True:
            peak.resident_bytes = max(peak.resident_bytes, suite.resident_bytes())
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield peak
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
