from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.biography import live, look
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    """One suite for all tests of a module; they leave each other's data alone."""
    folder = tmp_path_factory.mktemp("suite")
    async with (
        running_suite(folder / "data", policy=all_reviewed_twice(folder)) as suite,
        wired(suite.port, suite.issuer) as wire,
    ):
        life = Life(wire.call, suite.clock, suite.data_dir / "identity" / "outbox" / "phone.jsonl")
        await live(life)
        await look(life)
        yield Lived(suite, wire, life)
