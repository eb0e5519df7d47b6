"""What leaves a process by OTLP over gRPC. What no collector takes is lost: the audit trail does not depend on it."""

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from chassis.config import OtlpConfig


def span_exporter(config: OtlpConfig) -> OTLPSpanExporter:
    """Sends spans from the thread that calls it; tries again for ten seconds while the collector is away."""
    return OTLPSpanExporter(endpoint=config.endpoint, insecure=True)
