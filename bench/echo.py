"""The peer of unary calls: grpc.aio with nothing around it, which answers with what it was sent."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import BytesValue

from bench.load import TIMEOUT

NAME = "bare grpc.aio echo"
SERVICE, METHOD = "ombud.bench.Echo", "Echo"
# Tag and length that stand before the bytes of a BytesValue of less than 128 bytes.
_HEAD = 2


async def _echo(request: BytesValue, _context: object) -> BytesValue:
    return request


async def serve(port: int) -> None:
    """Serves until SIGTERM."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    handler = grpc.unary_unary_rpc_method_handler(_echo, BytesValue.FromString, BytesValue.SerializeToString)
    server.add_registered_method_handlers(SERVICE, {METHOD: handler})
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop(None)


def caller(channel: grpc.aio.Channel, size: int) -> Callable[[int], Awaitable[Any]]:
    """Calls the echo with messages of `size` bytes."""
    call = channel.unary_unary(
        f"/{SERVICE}/{METHOD}",
        request_serializer=BytesValue.SerializeToString,
        response_deserializer=BytesValue.FromString,
    )
    request = BytesValue(value=bytes(size - _HEAD))
    return lambda _number: call(request, timeout=TIMEOUT)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
