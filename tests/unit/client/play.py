"""A real gRPC server with one method of each arity, whose behaviour a test chooses."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from ombud.common.v1.types_pb2 import Subject

Context = grpc.aio.ServicerContext[Subject, Subject]
Behaviour = Callable[[Subject, Context], Awaitable[Subject]]


async def echo(request: Subject, _context: Context) -> Subject:
    return request


@dataclass
class Server:
    """Where the server listens, what it saw, and what it does next."""

    target: str = ""
    behave: Behaviour = echo
    metadata: list[dict[str, str]] = field(default_factory=list)
    remaining: list[float | None] = field(default_factory=list)

    def saw(self, context: Context) -> None:
        self.metadata.append({key: str(value) for key, value in context.invocation_metadata() or ()})
        self.remaining.append(context.time_remaining())


def handlers(server: Server) -> dict[str, "grpc.RpcMethodHandler[Subject, Subject]"]:
    async def one(request: Subject, context: Context) -> Subject:
        server.saw(context)
        return await server.behave(request, context)

    async def down(request: Subject, context: Context) -> AsyncIterator[Subject]:
        server.saw(context)
        yield request
        yield await server.behave(request, context)

    async def up(requests: AsyncIterator[Subject], context: Context) -> Subject:
        server.saw(context)
        *_, last = [request async for request in requests]
        return await server.behave(last, context)

    async def both(requests: AsyncIterator[Subject], context: Context) -> AsyncIterator[Subject]:
        server.saw(context)
        async for request in requests:
            yield await server.behave(request, context)

    wire: dict[str, Any] = {
        "request_deserializer": Subject.FromString,
        "response_serializer": Subject.SerializeToString,
    }
    return {
        "One": grpc.unary_unary_rpc_method_handler(one, **wire),
        "Down": grpc.unary_stream_rpc_method_handler(down, **wire),
        "Up": grpc.stream_unary_rpc_method_handler(up, **wire),
        "Both": grpc.stream_stream_rpc_method_handler(both, **wire),
    }


async def listening(server: Server) -> grpc.aio.Server:
    """Starts the server on a port of its own."""
    started = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    started.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Play", handlers(server)),))
    server.target = f"127.0.0.1:{started.add_insecure_port('127.0.0.1:0')}"
    await started.start()
    return started


class Stub:
    """The four methods, bound as generated stubs bind theirs."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        wire: dict[str, Any] = {
            "request_serializer": Subject.SerializeToString,
            "response_deserializer": Subject.FromString,
            "_registered_method": True,
        }
        self.one: Any = channel.unary_unary("/test.Play/One", **wire)
        self.down: Any = channel.unary_stream("/test.Play/Down", **wire)
        self.up: Any = channel.stream_unary("/test.Play/Up", **wire)
        self.both: Any = channel.stream_stream("/test.Play/Both", **wire)
