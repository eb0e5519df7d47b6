from collections.abc import AsyncIterator

import pytest

from tests.unit.client.play import Server, listening


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    played = Server()
    serving = await listening(played)
    yield played
    await serving.stop(0)
