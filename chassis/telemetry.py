"""Spans: where they come from, what they may carry, where they go.

Attributes are an allow-list (OpenTelemetry's RPC semantic conventions and our own `ombud.*`): anything else is
dropped before it leaves the process, so that personal data has no way into a trace. Acts, denials and errors are
recorded whatever the caller's sampling flag says; successful reads by a ratio of trace ids.
"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from chassis.call import NO_TRACE, Trace
from chassis.metrics import Counter, Declared, Meter

ALLOWED_ATTRIBUTES = frozenset(
    {
        "rpc.system.name",
        "rpc.method",
        "rpc.response.status_code",
        "ombud.service",
        "ombud.workload",
        "ombud.reason",
        "ombud.incident",
        "ombud.count",
        "ombud.revision",
    }
)

# What was ended and not exported was dropped, or waits: at most 65,536 do.
_ENDED = Declared("ombud.spans.ended", "{span}")
_EXPORTED = Declared("ombud.spans.exported", "{span}")

# W3C Trace Context; versions after 00 may say more behind the flags.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_QUEUE = 65_536
_EXPORT_EVERY_MS = 200
_RATIO_BITS = 64
_ANY_PROCESS = Resource({"service.name": "ombud"})
SCOPE = InstrumentationScope("ombud")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)


@dataclass(slots=True)
class Span:
    """A span under way. The SDK's own keeps locks, limits and events that nothing here uses, at six times the cost."""

    name: str
    context: SpanContext
    parent: SpanContext | None
    kind: SpanKind
    attributes: Mapping[str, str | int]
    start_ns: int
    resource: Resource
    ended: Callable[[ReadableSpan], None]


class _Counted(SpanExporter):
    """Counts what another exporter has taken."""

    def __init__(self, exporter: SpanExporter, taken: Counter) -> None:
        self._exporter = exporter
        self._taken = taken

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._taken.add(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class Telemetry:
    """A process's tracer, and its instruments.

    Args:
        exporter: Where spans go.
        read_ratio: Share of successful reads that get a span, 0 to 1.
        resource: What spans and metrics say of this process.

    Attributes:
        meter: The instruments.
        resource: As given.
    """

    def __init__(self, exporter: SpanExporter, *, read_ratio: float, resource: Resource = _ANY_PROCESS) -> None:
        self.meter = Meter()
        self.resource = resource
        self._ended = self.meter.counter(_ENDED)
        counted = _Counted(exporter, self.meter.counter(_EXPORTED))
        self._processor = BatchSpanProcessor(counted, max_queue_size=_QUEUE, schedule_delay_millis=_EXPORT_EVERY_MS)
        self._ids = RandomIdGenerator()
        self._read_bound = int(read_ratio * (1 << _RATIO_BITS))

    def samples_read(self, parent: SpanContext | None) -> bool:
        """Whether a successful read of this trace gets a span: the same answer for all reads of one trace."""
        low_bits = parent.trace_id & ((1 << _RATIO_BITS) - 1) if parent else random.getrandbits(_RATIO_BITS)
        return low_bits < self._read_bound

    def start(
        self,
        name: str,
        *,
        parent: SpanContext | None,
        attributes: Mapping[str, str | int],
        kind: SpanKind = SpanKind.SERVER,
        start_time_ns: int | None = None,
    ) -> Span:
        """Starts a span, in the trace of its parent; with `start_time_ns` one that began earlier."""
        return Span(
            name=name,
            context=SpanContext(
                trace_id=parent.trace_id if parent else self._ids.generate_trace_id(),
                span_id=self._ids.generate_span_id(),
                is_remote=False,
                trace_flags=_SAMPLED,
            ),
            parent=parent,
            kind=kind,
            attributes=allowed(attributes),
            start_ns=time.time_ns() if start_time_ns is None else start_time_ns,
            resource=self.resource,
            ended=self._end,
        )

    def _end(self, span: ReadableSpan) -> None:
        self._ended.add(1)
        self._processor.on_end(span)

    def flush(self) -> None:
        """Exports what is queued."""
        self._processor.force_flush()

    def shutdown(self) -> None:
        """Exports what is queued and ends the exporter."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK does not say


def allowed(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    """The attributes that a span may carry."""
    return {name: value for name, value in attributes.items() if name in ALLOWED_ATTRIBUTES}


def finish(span: Span, code: str, attributes: Mapping[str, str | int]) -> None:
    """Ends a span with the call's final status code, such as `OK` or `PERMISSION_DENIED`."""
    span.ended(
        ReadableSpan(
            span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes={**span.attributes, "rpc.response.status_code": code, **allowed(attributes)},
            kind=span.kind,
            status=_UNSET if code == "OK" else Status(StatusCode.ERROR, code),
            start_time=span.start_ns,
            end_time=time.time_ns(),
            instrumentation_scope=SCOPE,
        )
    )


def parse_parent(traceparent: str) -> SpanContext | None:
    """The span context of a W3C `traceparent` header; None if it is malformed or absent."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(digits, 16) for digits in found.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def remote_context(parent: SpanContext | None) -> Context:
    """A context whose current span is `parent`."""
    return Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())


def enter(context: SpanContext | None) -> None:
    """Makes `context` the current span of this task for what it calls. Each RPC has a task of its own."""
    if context is not None:
        otel_context.attach(remote_context(context))


def as_trace(context: SpanContext | None) -> Trace:
    """A span context as the ids that rows carry."""
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}") if context else NO_TRACE


def current_trace() -> Trace:
    """The span that this task belongs to."""
    context = trace.get_current_span().get_span_context()
    return as_trace(context if context.is_valid else None)
