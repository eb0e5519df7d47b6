import asyncio
from collections.abc import Iterator, Sequence

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

from ombud.client import OmbudError, calls, connect
from ombud.common.v1.types_pb2 import Subject
from tests.unit.client.play import Context, Server, Stub

SUBJECT = Subject(account_id="018f0000-0000-7000-8000-000000000001")
PARENT = SpanContext(0x1234, 0x5678, is_remote=False, trace_flags=TraceFlags(1))


class Exported(InMemorySpanExporter):
    """What was exported, and the event that something was."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.arrived.set()
        return super().export(spans)


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    exporter = Exported()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(calls, "_TRACER", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


async def only_span(exporter: Exported) -> ReadableSpan:
    await asyncio.wait_for(exporter.arrived.wait(), 5)
    (span,) = exporter.get_finished_spans()
    return span


async def test_current_trace_travels_along_without_any_telemetry_set_up(server: Server) -> None:
    async with connect(server.target) as channel:
        with trace.use_span(NonRecordingSpan(PARENT)):
            await Stub(channel).one(SUBJECT)
        await Stub(channel).one(SUBJECT)
    within, without = server.metadata
    assert within["traceparent"] == f"00-{0x1234:032x}-{0x5678:016x}-01"
    assert "traceparent" not in without


async def test_call_is_a_client_span_and_the_parent_of_what_the_server_does(server: Server, exported: Exported) -> None:
    async with connect(server.target) as channel:
        with trace.use_span(NonRecordingSpan(PARENT)):
            await Stub(channel).one(SUBJECT)
        span = await only_span(exported)
    assert span.name == "test.Play/One"
    assert span.kind is SpanKind.CLIENT
    assert span.parent == PARENT
    assert span.context is not None
    assert server.metadata[0]["traceparent"].split("-")[1:3] == [f"{0x1234:032x}", f"{span.context.span_id:016x}"]
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == "OK"
    assert span.status.status_code is StatusCode.UNSET


async def test_span_of_a_failed_call_tells_the_code(server: Server, exported: Exported) -> None:
    async def refuse(_request: Subject, context: Context) -> Subject:
        await context.abort(grpc.StatusCode.NOT_FOUND, "the words stay out of the span")
        raise AssertionError

    server.behave = refuse
    async with connect(server.target) as channel:
        with pytest.raises(OmbudError):
            await Stub(channel).one(SUBJECT)
        span = await only_span(exported)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == "NOT_FOUND"
    assert "words" not in span.to_json()


async def test_span_of_a_cancelled_stream_ends(server: Server, exported: Exported) -> None:
    async with connect(server.target) as channel:
        call = Stub(channel).both()
        await call.write(SUBJECT)
        await call.read()
        call.cancel()
        span = await only_span(exported)
    assert span.attributes is not None
    assert span.attributes["rpc.response.status_code"] == "CANCELLED"
