"""What stands around every RPC.

In this order: admission, errors, tracing, deadline, authentication, authorisation, validation, idempotency key. One
wrapper an RPC instead of a chain of interceptors, which would cost more than the calls they guard.
"""

import asyncio
import errno
import functools
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message
from opentelemetry.trace import SpanContext
from sqlalchemy.exc import DBAPIError, OperationalError

from chassis.auth.authenticator import Authenticator
from chassis.call import Call, Trace, serve
from chassis.db.engine import lacks_space
from chassis.metrics import Declared, Histogram
from chassis.refusal import ErrorReason, Refusal
from chassis.server import status, validation
from chassis.server.admission import Admission, refusals
from chassis.server.methods import Load, Method
from chassis.telemetry import Span, Telemetry, as_trace, enter, finish, parse_parent

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
# A string, because gRPC's own class takes no parameters at run time.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Denied = Callable[[Call, Refusal], Awaitable[None]]

_DEFAULT_TIMEOUT = 15.0
# With less than this left, a mutation could commit after its caller has given up.
_LEAST_LEFT = 0.02
_CALLS = Declared("rpc.server.call.duration", "s", ("rpc.method", "rpc.response.status_code"))
_REFUSALS = Declared("ombud.refusals", "{refusal}", ("ombud.service", "ombud.reason"))


class Pipeline:
    """Wraps handlers.

    Args:
        authenticator: Proves callers.
        telemetry: Records spans.
        denied: Records a denied call of an authenticated caller in the audit trail.
        admission: Counts the calls in flight.
    """

    def __init__(
        self, *, authenticator: Authenticator, telemetry: Telemetry, denied: Denied, admission: Admission
    ) -> None:
        self._admission = admission
        self._authenticator = authenticator
        self._telemetry = telemetry
        self._denied = denied
        self._calls = telemetry.meter.histogram(_CALLS)
        self._refusals = telemetry.meter.counter(_REFUSALS)

    def wrap(self, method: Method, handler: Handler) -> Handler:
        """The handler with everything around it. Requests arrive as bytes, so that rubbish is refused like the rest.

        On a stream of requests rubbish comes to the handler, as None: what it answers there leaves the stream usable.
        """
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.stream_stream, streams_in=True))
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream, streams_in=False))
        if handler.request_streaming:
            message = f"{method.path}: client streaming without a stream of answers is not used"
            raise TypeError(message)
        return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary))

    def turn_away(self, method: Method) -> Handler:
        """Stands in for the handler while too many calls are in flight: answers at once, and records next to nothing.

        Streams, whatever the method has: gRPC neither waits for a request then nor sends an answer beside the status.
        """
        door = self._admission.door(method.load)
        told = itertools.cycle(_told(method.load))

        async def refuse(_requests: object, context: Context) -> None:
            refusal, details = next(told)
            code = status.code_of(refusal)
            door.turn_away()
            self._refusals.add(1, method.service, status.reason_name(refusal))
            self._calls.record(0.0, method.name, code.name)
            # To abort would say the same by an exception, and cost a quarter more.
            context.set_code(code)
            context.set_details(refusal.message)
            context.set_trailing_metadata(details + status.pushback(refusal, context.time_remaining()))

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _unary(self, method: Method, behaviour: Any) -> Any:  # noqa: ANN401 - gRPC's handler types
        door = self._admission.door(method.load)

        async def serve_unary(raw: bytes, context: Context) -> bytes:
            served = _Served(method, self._telemetry, self._calls)
            door.enter()
            try:
                request, timeout = self._admit(served, raw, context)
                if timeout is None:
                    reply = await behaviour(request, context)
                else:
                    async with asyncio.timeout(timeout):
                        reply = await behaviour(request, context)
                encoded: bytes = reply.SerializeToString()
            except BaseException as error:
                await self._refuse(served, error, context)
                raise
            finally:
                door.leave()
            served.finish("OK")
            return encoded

        return serve_unary

    def _stream(self, method: Method, behaviour: Any, *, streams_in: bool) -> Any:  # noqa: ANN401 - gRPC's handler types
        door = self._admission.door(method.load)

        async def serve_stream(incoming: Any, context: Context) -> AsyncIterator[bytes]:  # noqa: ANN401
            served = _Served(method, self._telemetry, self._calls)
            door.enter()
            try:
                if streams_in:
                    self._admit(served, None, context)
                    replies = behaviour(_parsed(incoming, method.request_type), context)
                else:
                    request, _ = self._admit(served, incoming, context)
                    replies = behaviour(request, context)
                async for reply in replies:
                    yield reply.SerializeToString()
            except BaseException as error:
                await self._refuse(served, error, context)
                raise
            finally:
                door.leave()
            served.finish("OK")

        return serve_stream

    def _admit(self, served: "_Served", raw: bytes | None, context: Context) -> tuple[Message | None, float | None]:
        """Everything before the behaviour. Returns the request and the timeout to run under, if the call has none."""
        method = served.method
        authorization, traceparent = _metadata(context)
        served.begin(traceparent)
        left = context.time_remaining()
        caller = self._authenticator.authenticate(authorization, context.auth_context)
        call = Call(method.path, caller, trace=served.trace, deadline=None if left is None else time.monotonic() + left)
        served.call = call
        method.rule.check(caller)
        request = _parse(raw, method.request_type) if raw is not None else None
        if request is not None:
            validation.check(request)
        if not method.reads:
            _check_left(left)
        if method.keyed and request is not None:
            _key(call, method, request)
        serve(call)
        return request, _DEFAULT_TIMEOUT if left is None else None

    async def _refuse(self, served: "_Served", error: BaseException, context: Context) -> None:
        """Ends the span and answers with a typed status; returns only where the error must go on as it is."""
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            served.finish("CANCELLED")
            return
        refusal = _as_refusal(error, served.method.path)
        code, reason = status.code_of(refusal), status.reason_name(refusal)
        served.finish(code.name, reason=reason, incident=refusal.facts.get("incident", ""))
        self._refusals.add(1, served.method.service, reason)
        if code is grpc.StatusCode.PERMISSION_DENIED and not served.call.caller.anonymous:
            await self._audit_denial(served.call, refusal)
        when = status.pushback(refusal, context.time_remaining(), taken=served.taken)
        await context.abort(code, refusal.message, status.details_of(refusal) + when)

    async def _audit_denial(self, call: Call, refusal: Refusal) -> None:
        try:
            await self._denied(call, refusal)
        except Exception as error:  # noqa: BLE001 - the caller is denied all the same, in the contract's words
            status.incident(error, call.method)


class _Served:
    """The span and call of one RPC being served."""

    __slots__ = ("_began", "_calls", "_parent", "_span", "_telemetry", "call", "method")
    _unserved = Call(method="")

    def __init__(self, method: Method, telemetry: Telemetry, calls: Histogram) -> None:
        self.method = method
        self._calls = calls
        self._began = time.perf_counter()
        self.call = self._unserved
        self._telemetry = telemetry
        self._parent: SpanContext | None = None
        self._span: Span | None = None

    @property
    def trace(self) -> Trace:
        """The ids that rows of this call carry."""
        return as_trace(self._span.context if self._span else self._parent)

    @property
    def taken(self) -> float:
        """Seconds since the call arrived."""
        return time.perf_counter() - self._began

    def begin(self, traceparent: str) -> None:
        """Joins the caller's trace; acts and sampled reads get their span now, so that what they cause is below it."""
        self._parent = parse_parent(traceparent) if traceparent else None
        if not self.method.reads or self._telemetry.samples_read(self._parent):
            self._span = self._start_span()
            enter(self._span.context)
        else:
            enter(self._parent)

    def finish(self, code: str, *, reason: str = "", incident: str = "") -> None:
        """Counts the call and ends its span; a failed read without one gets it now, with its true start."""
        self._calls.record(self.taken, self.method.name, code)
        if self._span is None:
            if code == "OK":
                return
            self._span = self._start_span()
        attributes = {"ombud.workload": self.call.caller.workload, "ombud.reason": reason, "ombud.incident": incident}
        finish(self._span, code, {name: value for name, value in attributes.items() if value})

    def _start_span(self) -> Span:
        return self._telemetry.start(
            self.method.name,
            parent=self._parent,
            start_time_ns=time.time_ns() - int(self.taken * 1e9),
            attributes={
                "rpc.system.name": "grpc",
                "rpc.method": self.method.name,
                "ombud.service": self.method.service,
            },
        )


@functools.cache
def _told(load: Load) -> list[tuple[Refusal, tuple[tuple[str, bytes], ...]]]:
    """What calls of a load are turned away with: made once, for there are many methods."""
    return [(refusal, status.details_of(refusal)) for refusal in refusals(load)]


def _metadata(context: Context) -> tuple[str, str]:
    authorization = traceparent = ""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            authorization = str(value)
        elif key == "traceparent":
            traceparent = str(value)
    return authorization, traceparent


def _check_left(left: float | None) -> None:
    if left is not None and left < _LEAST_LEFT:
        raise Refusal(
            ErrorReason.ERROR_REASON_DEADLINE_TOO_SHORT,
            "too little time is left to act",
            satisfy="a longer deadline",
            left_ms=int(left * 1000),
            least_ms=int(_LEAST_LEFT * 1000),
        )


def _key(call: Call, method: Method, request: Message) -> None:
    """Completes the call of a mutation with its idempotency key."""
    call.request_id = request.request_id  # type: ignore[attr-defined]  # `keyed` says that the field is there
    call.request_digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    call.reply = method.reply_type.FromString


def _parse(raw: bytes, request_type: type[Message]) -> Message:
    try:
        return request_type.FromString(raw)
    except DecodeError:
        raise Refusal.field(
            "(message)", "the request is not a message of this RPC", satisfy="bytes that the contract's stubs write"
        ) from None


async def _parsed(incoming: AsyncIterator[bytes], request_type: type[Message]) -> AsyncIterator[Message | None]:
    async for raw in incoming:
        try:
            message = request_type.FromString(raw)
        except DecodeError:
            message = None
        yield message


def _lacks_space(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return lacks_space(error)
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def _as_refusal(error: BaseException, path: str) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, TimeoutError):
        return Refusal(
            ErrorReason.ERROR_REASON_DEADLINE_TOO_SHORT,
            "the server's own deadline passed; whether the act took effect is unknown",
            satisfy="the same call with the same request_id",
            least_ms=int(_DEFAULT_TIMEOUT * 1000),
        )
    if _lacks_space(error):
        return Refusal(
            ErrorReason.ERROR_REASON_STORAGE_FULL,
            "a disk that the service writes to is full",
            satisfy="the same call with the same request_id, once space is freed",
        )
    incident = status.incident(error, path)
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, OperationalError)):
        return Refusal(
            ErrorReason.ERROR_REASON_DATABASE_UNAVAILABLE,
            "the service's database does not answer",
            satisfy="the same call with the same request_id, when it answers again",
            **incident.facts,
        )
    return incident
