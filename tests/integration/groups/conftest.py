from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.groups.stand import Stand, standing


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, f"sqlite:///{tmp_path}/test.db") as running:
        yield running


@pytest.fixture
async def either(tmp_path: Path, database_url: str) -> AsyncIterator[Stand]:
    """The stand, once on each engine."""
    async with standing(tmp_path, database_url) as running:
        yield running
