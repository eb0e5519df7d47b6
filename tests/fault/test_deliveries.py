"""What services hand each other comes twice, late, and old after new: it has one effect, in its order."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from tests.support.eventually import eventually
from tests.support.life import APPROVER, Life
from tests.support.meddler import Meddler, between
from tests.support.mesh import Mesh, meshed

PAIRS = [
    ("groups", "identity"),
    ("groups", "credit"),
    ("identity", "retention"),
    ("credit", "retention"),
    ("groups", "retention"),
]
FEEDS = {"/ombud.identity.v1.AccountService/WatchAccounts", "/ombud.credit.v1.StandingService/WatchStanding"}
TRAIL = "/ombud.retention.v1.AuditService/AppendAuditRecords"


def rows(mesh: Mesh, service: str, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(mesh.folder / service / f"{service}.db")) as connection:
        return connection.execute(sql).fetchall()


async def trail_is_whole(mesh: Mesh, service: str) -> bool:
    """Whether the log has every audit record of a service, once and in order; fails if it has one twice."""
    written = [audit_id for (audit_id,) in rows(mesh, service, "SELECT audit_id FROM audit_record ORDER BY sequence")]
    logged = rows(mesh, "retention", "SELECT audit_id FROM audit_index ORDER BY position")
    kept = [audit_id for (audit_id,) in logged if audit_id in set(written)]
    assert len(kept) == len(set(kept))
    return kept == written


async def accounts_are_taken_over(mesh: Mesh) -> bool:
    """Whether groups has told of each account as often as identity; fails if it has more often."""
    changes = "SELECT key, COUNT(*) FROM change GROUP BY key"
    taken = dict(rows(mesh, "groups", changes))
    told = dict(rows(mesh, "identity", changes))
    assert all(taken.get(key, 0) <= count for key, count in told.items())
    return told.items() <= taken.items()


async def test_deliveries_that_come_twice_late_and_out_of_order_have_one_effect(tmp_path: Path) -> None:
    meddlers: list[Meddler] = []

    @contextlib.asynccontextmanager
    async def prepare(mesh: Mesh) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            meddlers.extend([await stack.enter_async_context(between(mesh, *pair)) for pair in PAIRS])
            yield

    async with meshed(tmp_path, prepare=prepare) as mesh:
        life = Life(mesh.wire().call, mesh.clock, mesh.folder / "identity" / "outbox" / "phone.jsonl")
        good, bad = await life.verified("good", 41), await life.verified("bad", 42)
        sanction_id = await life.sanction(Subject(account_id=bad), credit.MEASURE_KIND_PUBLISHING_SUSPENDED)
        await life.may(bad, decisions.ACTION_POST, allowed=False)
        await life.act(APPROVER, sanctions.LiftSanctionRequest(sanction_id=sanction_id, reasons="All was paid."))
        await life.may(bad, decisions.ACTION_POST)
        await life.group(good, bad)

        for service in ("identity", "credit", "groups"):
            await eventually(lambda service=service: trail_is_whole(mesh, service))  # type: ignore[misc]  # bound at once
        await eventually(lambda: accounts_are_taken_over(mesh))
    repeated = {path for meddler in meddlers for path, count in meddler.repeated.items() if count}
    assert repeated >= {*FEEDS, TRAIL}
