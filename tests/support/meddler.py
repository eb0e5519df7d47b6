"""A network between two services that hands things on twice, late, and old ones after new ones."""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from chassis.server.credentials import server_credentials
from tests.support.contract import rpcs
from tests.support.mesh import Mesh

_STREAMS = {rpc.path for rpc in rpcs() if rpc.descriptor.server_streaming}


class Meddler(grpc.GenericRpcHandler):
    """Stands for a service, and calls it with the certificate of the caller.

    What asks for one answer is handed on twice, and in between everything that was handed on to the same RPC before.
    What a stream of answers tells is told twice, and after it what came before it.

    Args:
        channel: Gives the channel to the service.

    Attributes:
        repeated: How often something was handed on once more, by RPC.
    """

    def __init__(self, channel: Callable[[], grpc.aio.Channel]) -> None:
        self._channel = channel
        self._earlier: dict[str, list[bytes]] = defaultdict(list)
        self.repeated: dict[str, int] = defaultdict(int)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of any RPC that has one request."""
        method = str(handler_call_details.method)
        relay = self._tell if method in _STREAMS else self._ask

        async def handed_on(raw: bytes, context: Any) -> AsyncIterator[bytes]:
            try:
                async for answer in relay(method, raw, context):
                    yield answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))

        return grpc.unary_stream_rpc_method_handler(handed_on)

    async def _ask(self, method: str, raw: bytes, context: Any) -> AsyncIterator[bytes]:
        call: Any = self._channel().unary_unary(method)
        metadata = _handed_on(context)
        for again in (raw, *self._earlier[method]):
            await call(again, metadata=metadata, timeout=context.time_remaining())
            self.repeated[method] += 1
        yield await call(raw, metadata=metadata, timeout=context.time_remaining())
        self._earlier[method].append(raw)

    async def _tell(self, method: str, raw: bytes, context: Any) -> AsyncIterator[bytes]:
        call: Any = self._channel().unary_stream(method)
        before = b""
        async for answer in call(raw, metadata=_handed_on(context)):
            yield answer
            yield answer
            yield before or answer
            before = answer
            self.repeated[method] += 2


def _handed_on(context: Any) -> list[tuple[str, str]]:
    return [(key, value) for key, value in context.invocation_metadata() if key == "traceparent"]


@contextlib.asynccontextmanager
async def between(mesh: Mesh, caller: str, service: str) -> AsyncIterator[Meddler]:
    """Stands between two services of a mesh that is about to start."""
    meddler = Meddler(lambda: mesh.channel(mesh.authority.workload(caller), service))
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((meddler,))
    port = server.add_secure_port("127.0.0.1:0", server_credentials(mesh.authority.workload(service)))
    mesh.detours[caller][service] = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield meddler
    finally:
        await server.stop(None)
