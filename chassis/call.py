"""The call that is being served: who made it, under which idempotency key, in which trace."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from google.protobuf.message import Message

from chassis.auth.caller import ANONYMOUS, Caller, Person
from chassis.refusal import ErrorReason, Refusal


@dataclass(frozen=True, slots=True)
class Trace:
    """The span that work belongs to, in W3C terms: 32 and 16 lower-case hexadecimal digits, or empty."""

    trace_id: str = ""
    span_id: str = ""

    @property
    def parent(self) -> str:
        """The `traceparent` header for work that this span causes; empty if there is no trace."""
        return f"00-{self.trace_id}-{self.span_id}-01" if self.trace_id else ""


NO_TRACE = Trace()


@dataclass(slots=True)
class Call:
    """One call to an RPC; not changed once it is served (frozen would cost a hundredth of a call).

    Attributes:
        method: Full name, such as `/ombud.credit.v1.AppealService/FileAppeal`.
        caller: Who called.
        request_id: The idempotency key, empty on reads.
        request_digest: SHA-256 of the request, by which a replay is told from a reuse of its key.
        reply: Parses a stored answer of this method.
        trace: The span of the call.
        deadline: When the caller stops waiting, on the monotonic clock; None if it never does.
    """

    method: str
    caller: Caller = ANONYMOUS
    request_id: str = ""
    request_digest: bytes = b""
    reply: Callable[[bytes], Message] | None = None
    trace: Trace = NO_TRACE
    deadline: float | None = None

    @property
    def person(self) -> Person:
        """The person behind the call, for RPCs whose access option asks for a role."""
        if self.caller.person is None:
            raise Refusal(
                ErrorReason.ERROR_REASON_ROLE_REQUIRED, "no person is behind the call", satisfy="a person's token"
            )
        return self.caller.person


_current: ContextVar[Call | None] = ContextVar("ombud_call", default=None)


def current_call() -> Call:
    """The call that this task serves.

    Raises:
        LookupError: Outside a call.
    """
    call = _current.get()
    if call is None:
        message = "no call is being served"
        raise LookupError(message)
    return call


def serve(call: Call) -> None:
    """Makes `call` the current one of this task; each RPC runs in a task of its own, which ends with it."""
    _current.set(call)


def remaining() -> float | None:
    """Seconds until the caller of the current call stops waiting; None outside a call, or if it never does."""
    call = _current.get()
    return None if call is None or call.deadline is None else call.deadline - time.monotonic()
