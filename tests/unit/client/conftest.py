from collections.abc import AsyncIterator

import grpc
import pytest

from tests.unit.client.play import Server, handlers


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    played = Server()
    listening = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    listening.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Play", handlers(played)),))
    played.target = f"127.0.0.1:{listening.add_insecure_port('127.0.0.1:0')}"
    await listening.start()
    yield played
    await listening.stop(0)
