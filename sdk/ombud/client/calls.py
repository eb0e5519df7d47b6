"""Calls with a deadline, an identity, a trace and typed errors.

Written around the multi-callables of grpc.aio rather than as its interceptors: those start a task for each
call, and a stream behind them is no longer cancelled with the task that reads it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from grpc.aio import AioRpcError, Metadata
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ombud.client.errors import OmbudError

_TRACER = trace.get_tracer("ombud.client")
_PROPAGATOR = TraceContextTextMapPropagator()
_ENDING: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks weakly


@dataclass(frozen=True)
class Settings:
    """What every call of a channel carries.

    Attributes:
        token: Gives the bearer token for the next call; None for calls without one.
        timeout: Seconds that a unary call may take when its caller says nothing.
        remaining: Seconds left of the call that this one serves, None if it serves none.
    """

    token: Callable[[], str] | None
    timeout: float
    remaining: Callable[[], float | None] | None

    def bound(self, asked: float | None, *, unary: bool) -> float | None:
        """The deadline of a call: what was asked, never more than what is left.

        Args:
            asked: Seconds that the caller asked for, None if it asked for nothing.
            unary: True if one request has one answer: such a call is never unbounded.

        Returns:
            Seconds, or None for a stream that nothing bounds.
        """
        limit = self.timeout if asked is None and unary else asked
        left = self.remaining() if self.remaining else None
        if left is None:
            return limit
        return left if limit is None else min(left, limit)


class MultiCallable:
    """One method of a service, as a stub calls it: all four arities have this shape.

    Args:
        call: The method as grpc.aio calls it.
        method: Full method, such as "/ombud.credit.v1.AppealService/FileAppeal".
        settings: What every call carries.
        unary: True if one request has one answer.
    """

    def __init__(self, call: Callable[..., Any], method: str, settings: Settings, *, unary: bool) -> None:
        self._call = call
        self._method = method.lstrip("/")
        self._settings = settings
        self._unary = unary

    def __call__(
        self,
        request: object = None,
        timeout: float | None = None,
        metadata: grpc.aio.Metadata | None = None,
        **options: object,
    ) -> "Call":
        """Starts the call.

        Args:
            request: The request, or an iterator of requests; None to write them to the call.
            timeout: Seconds; see `Settings.bound` for when none is given.
            metadata: Further metadata.
            **options: Further options of grpc.aio (`wait_for_ready`, `compression`).

        Returns:
            The call in flight.
        """
        span = _TRACER.start_span(
            self._method, kind=SpanKind.CLIENT, attributes={"rpc.system.name": "grpc", "rpc.method": self._method}
        )
        carried: dict[str, str] = {}
        _PROPAGATOR.inject(carried, trace.set_span_in_context(span))
        if self._settings.token:
            carried["authorization"] = f"Bearer {self._settings.token()}"
        limit = self._settings.bound(timeout, unary=self._unary)
        call = self._call(request, timeout=limit, metadata=Metadata(*(metadata or ()), *carried.items()), **options)
        if span.is_recording():
            call.add_done_callback(lambda done: _end_later(span, done))
        return Call(call)


class Call:
    """A call in flight: that of grpc.aio, but what fails raises `OmbudError`.

    Cancelling the task that awaits or reads it always cancels the call; that of grpc.aio lives on when
    the task was cancelled before its first message went out.
    """

    def __init__(self, call: Any) -> None:  # noqa: ANN401 - any of the four kinds of call
        self._call = call
        self._messages: AsyncIterator[Any] | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever grpc.aio gives
        return getattr(self._call, name)

    def __await__(self) -> Generator[Any, None, Any]:
        with self._failures():
            return (yield from self._call.__await__())

    def __aiter__(self) -> "Call":
        self._messages = self._messages or self._call.__aiter__()
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - a message of the method's type
        if self._messages is None:
            self._messages = self._call.__aiter__()
        with self._failures():
            return await self._messages.__anext__()

    async def read(self) -> Any:  # noqa: ANN401 - a message of the method's type
        """Reads one message; `grpc.aio.EOF` at the end."""
        with self._failures():
            return await self._call.read()

    async def write(self, request: object) -> None:
        """Writes one request.

        Args:
            request: A message of the method's request type.

        Raises:
            OmbudError: The call has failed, with the server's reason.
        """
        with self._failures():
            try:
                await self._call.write(request)
            except asyncio.InvalidStateError:
                await self._raise_if_failed()
                raise

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except AioRpcError as error:
            raise OmbudError.read(error) from error
        except asyncio.CancelledError:
            self._call.cancel()
            raise

    async def _raise_if_failed(self) -> None:
        code = await self._call.code()
        if code is not grpc.StatusCode.OK:
            trailing, details = await self._call.trailing_metadata(), await self._call.details()
            raise AioRpcError(code, Metadata(), trailing, details)


def _end_later(span: trace.Span, call: Any) -> None:  # noqa: ANN401 - any of the four kinds of call
    task = asyncio.get_running_loop().create_task(_end(span, call))
    _ENDING.add(task)
    task.add_done_callback(_ENDING.discard)


async def _end(span: trace.Span, call: Any) -> None:  # noqa: ANN401 - any of the four kinds of call
    """Ends the span with the status that the call ended with, cancelled streams included."""
    code = await call.code()
    span.set_attribute("rpc.response.status_code", code.name)
    if code is not grpc.StatusCode.OK:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
