"""A receiver of OTLP over gRPC, which keeps what came in."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from chassis.config import OtlpConfig, TlsFiles
from chassis.server.credentials import server_credentials


@dataclass(frozen=True)
class Received:
    """A span, and what its resource says of the process that sent it."""

    resource: dict[str, str | int]
    attributes: dict[str, str | int]
    span: Span

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def span_id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent_id(self) -> str:
        return self.span.parent_span_id.hex()


@dataclass
class Receiver:
    """What has arrived."""

    config: OtlpConfig
    spans: list[Received] = field(default_factory=list)
    metrics: dict[tuple[str, str], Metric] = field(default_factory=dict)  # the newest, by process and name

    def of_trace(self, trace_id: str) -> list[Received]:
        """The spans of a trace, oldest first."""
        found = [each for each in self.spans if each.trace_id == trace_id]
        return sorted(found, key=lambda each: each.span.start_time_unix_nano)


class _Traces(TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def Export(self, request: ExportTraceServiceRequest, _context: Any) -> ExportTraceServiceResponse:
        for part in request.resource_spans:
            resource = plain(part.resource.attributes)
            self._receiver.spans += [
                Received(resource, plain(span.attributes), span) for scope in part.scope_spans for span in scope.spans
            ]
        return ExportTraceServiceResponse()


class _Metrics(MetricsServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def Export(self, request: ExportMetricsServiceRequest, _context: Any) -> ExportMetricsServiceResponse:
        for part in request.resource_metrics:
            process = str(plain(part.resource.attributes)["service.name"])
            for scope in part.scope_metrics:
                self._receiver.metrics |= {(process, metric.name): metric for metric in scope.metrics}
        return ExportMetricsServiceResponse()


def plain(attributes: Any) -> dict[str, str | int]:
    """Attributes by name."""

    def value(each: KeyValue) -> str | int:
        kind = each.value.WhichOneof("value")
        return each.value.int_value if kind == "int_value" else each.value.string_value

    return {each.key: value(each) for each in attributes}


@contextlib.asynccontextmanager
async def receiving(
    port: int = 0, own: TlsFiles | None = None, senders: TlsFiles | None = None
) -> AsyncIterator[Receiver]:
    """Listens on a port; on one of its own if none is given.

    Args:
        port: The port.
        own: Its certificate; plaintext if absent. It takes from those alone whose certificate it can check.
        senders: The certificate of those that send.
    """
    server = grpc.aio.server()
    address = f"127.0.0.1:{port}"
    port = server.add_secure_port(address, server_credentials(own)) if own else server.add_insecure_port(address)
    receiver = Receiver(OtlpConfig(endpoint=f"127.0.0.1:{port}", tls=senders, every_seconds=0.2))
    add_TraceServiceServicer_to_server(_Traces(receiver), server)  # type: ignore[no-untyped-call]  # as generated
    add_MetricsServiceServicer_to_server(_Metrics(receiver), server)  # type: ignore[no-untyped-call]  # as generated
    await server.start()
    try:
        yield receiver
    finally:
        await server.stop(0)
