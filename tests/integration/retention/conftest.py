from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.retention.harness import Retention, running_retention
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def retention(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Retention]:
    async with running_retention(tmp_path / "data", clock=clock) as running:
        yield running
