"""Who does a service's jobs, when several processes serve over one database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from chassis import leading
from chassis.db import Database, Unit, lease, migrate
from chassis.db.tables import LeaseRecord
from chassis.leading import Leader
from tests.support.clock import ManualClock
from tests.support.counter.models import Counter
from tests.support.eventually import eventually
from tests.unit.chassis.test_database import increment


class Replica:
    """A process of a service: its own connection, the clock that all have, and a job that counts."""

    def __init__(self, url: str, name: str, clock: ManualClock) -> None:
        self.name = name
        self.clock = clock
        self.database = Database(url, service="counter", clock=clock, migrations="tests.support.counter")
        self.database.process = name
        self.lost = 0
        self._work: asyncio.Task[None] | None = None
        self._go_on = asyncio.Event()
        self.leads = False

    def start(self) -> None:
        self._work = asyncio.create_task(Leader(self.database, "jobs", [self.job]).run())

    async def stop(self) -> None:
        if self._work:
            await leading.cancel([self._work])
            self._work = None

    def count(self) -> None:
        """Lets the job do its next piece of work."""
        self._go_on.set()

    async def job(self) -> None:
        self.leads = True
        try:
            while True:
                await self._go_on.wait()
                self._go_on.clear()
                try:
                    await self.database.work("count", increment)
                except lease.LeaseLostError:
                    self.lost += 1
        finally:
            self.leads = False

    async def total(self) -> int:
        counter = await self.database.read(lambda session: session.get(Counter, "one"))
        return counter.total if counter else 0


@pytest.fixture
async def replicas(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Replica, Replica]]:
    monkeypatch.setattr(leading, "_EVERY", 0.02)
    clock = ManualClock()
    first, second = Replica(database_url, "first", clock), Replica(database_url, "second", clock)
    async with contextlib.AsyncExitStack() as stack:
        for replica in (first, second):
            await replica.database.open()
            stack.push_async_callback(replica.database.close)
            stack.push_async_callback(replica.stop)
        yield first, second


def leads(replica: Replica) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return replica.leads

    return told


def counted(replica: Replica, total: int) -> Callable[[], Awaitable[bool]]:
    async def told() -> bool:
        return await replica.total() == total

    return told


async def test_one_process_does_the_jobs_and_the_next_when_it_stops(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    first.start()
    await eventually(leads(first))
    second.start()
    first.count()
    await eventually(counted(first, 1))
    assert not second.leads
    await first.stop()
    assert not first.leads
    await eventually(leads(second))
    second.count()
    await eventually(counted(second, 2))


async def test_process_that_died_is_followed_when_its_term_is_over_and_not_before(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas

    def died(unit: Unit) -> None:
        lease.take(unit, "jobs", "a process that is no more")

    await first.database.work("lease", died)
    second.start()
    first.clock.advance(lease.TERM - timedelta(seconds=1))
    assert await second.database.work("lease", lambda unit: lease.take(unit, "jobs", "second")) is None
    assert not second.leads
    first.clock.advance(timedelta(seconds=1))
    await eventually(leads(second))


async def test_process_that_was_away_for_longer_writes_nothing_more(
    replicas: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = replicas
    first.start()
    await eventually(leads(first))
    # It is stopped in the middle of its work: it renews nothing, and does not know how late it is.
    monkeypatch.setattr(leading, "_EVERY", 1000.0)
    await asyncio.sleep(0.1)
    first.clock.advance(lease.TERM)
    taken = await second.database.work("lease", lambda unit: lease.take(unit, "jobs", "second"))
    assert taken == lease.Held("jobs", "second", 2)
    first.count()

    async def refused() -> bool:
        return first.lost == 1

    await eventually(refused)
    assert await first.total() == 0


async def test_process_that_lost_its_lease_stops_working_and_gives_nothing_back(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    first.start()
    await eventually(leads(first))

    def steal(unit: Unit) -> lease.Held | None:
        record = unit.session.get_one(LeaseRecord, "jobs")
        record.until = unit.now
        unit.session.add(record)
        return lease.take(unit, "jobs", "second")

    taken = await second.database.work("lease", steal)

    async def stopped() -> bool:
        return not first.leads

    await eventually(stopped)
    assert await second.database.work("lease", lambda unit: lease.take(unit, "jobs", "second")) == taken


async def test_only_process_of_a_file_leads_again_at_once_after_it_was_killed(tmp_path: object) -> None:
    clock = ManualClock()
    for _ in range(2):
        database = Database(
            f"sqlite:///{tmp_path}/own.db", service="counter", clock=clock, migrations="tests.support.counter"
        )
        await database.open()
        name = database.process
        held = await database.work("lease", lambda unit, name=name: lease.take(unit, "jobs", name))  # type: ignore[misc]  # bound at once
        assert held is not None
        await database.close()


async def test_processes_that_start_together_on_a_new_database_share_one_head(database_url: str) -> None:
    clock = ManualClock()
    migrate.upgrade(database_url, "tests.support.counter")
    replicas = [Replica(database_url, str(number), clock).database for number in range(6)]
    await asyncio.gather(*(database.open() for database in replicas))
    heads = await asyncio.gather(*(database.head() for database in replicas))
    assert len({head.epoch for head in heads}) == 1
    for database in replicas:
        await database.close()
