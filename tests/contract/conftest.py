import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.biography import live, look
from tests.support.clock import ManualClock
from tests.support.life import Example, Life
from tests.support.suite import Suite, all_reviewed_twice, running_suite
from tests.support.wire import Wire, wired


class Lived:
    """A running suite with a whole life behind it.

    No dataclass: Hypothesis would show each of its requests with every call that fails.
    """

    def __init__(self, suite: Suite, wire: Wire, life: Life) -> None:
        self.suite = suite
        self.wire = wire
        self.life = life

    @property
    def examples(self) -> dict[str, Example]:
        return self.life.examples


@contextlib.asynccontextmanager
async def running(folder: Path, clock: ManualClock) -> AsyncIterator[Lived]:
    """Serves what is in a folder."""
    async with (
        running_suite(folder / "data", clock=clock, policy=all_reviewed_twice(folder)) as suite,
        wired(suite.port, suite.issuer) as wire,
    ):
        yield Lived(suite, wire, Life(wire.call, clock, suite.data_dir / "identity" / "outbox" / "phone.jsonl"))


@pytest.fixture(scope="session")
def whole_life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Life]:
    """A life, and the folder that it left behind."""

    async def lived(folder: Path) -> Life:
        async with running(folder, ManualClock()) as suite:
            await live(suite.life)
            await look(suite.life)
            return suite.life

    folder = tmp_path_factory.mktemp("life")
    return folder, asyncio.run(lived(folder))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(whole_life: tuple[Path, Life], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    """A suite with that life behind it for all tests of a module; they leave each other's data alone."""
    left_behind, life = whole_life
    folder = tmp_path_factory.mktemp("suite")
    shutil.copytree(left_behind, folder, dirs_exist_ok=True)
    async with running(folder, ManualClock(life.clock.now())) as suite:
        suite.life.examples, suite.life.ids = dict(life.examples), dict(life.ids)
        yield suite
