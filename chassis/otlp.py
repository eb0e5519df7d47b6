"""What leaves a process by OTLP over gRPC. What no collector takes is lost: the audit trail does not depend on it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from sqlalchemy.exc import SQLAlchemyError

from chassis.config import OtlpConfig
from chassis.leading import cancel
from chassis.metrics import BOUNDS, Gauge, Histogram, Instrument, Observed, Series
from chassis.server.credentials import rotating
from chassis.telemetry import SCOPE, Telemetry
from ombud.client.tls import Pem

E = TypeVar("E", bound="_Closing")

_SINCE_START = sdk.AggregationTemporality.CUMULATIVE

_log = logging.getLogger("ombud.otlp")


class _Closing(Protocol):
    def shutdown(self) -> None: ...


class _Exporting(Generic[E]):
    """An exporter, made anew when the files of its certificate change. Only one thread at a time may send.

    Args:
        kind: Makes it: one of OpenTelemetry's own classes.
        config: Where it sends to.

    Attributes:
        exporter: The one in use.
    """

    def __init__(self, kind: Callable[..., E], config: OtlpConfig) -> None:
        self._kind = kind
        self._endpoint = config.endpoint
        self._rotation = rotating(config.tls, "server.otlp.tls") if config.tls else None
        self.exporter = self._encrypted(self._rotation.pem) if self._rotation else self._plain()

    def newest(self) -> E:
        """The exporter with the certificate that the files hold now."""
        pem = self._rotation.newer() if self._rotation else None
        if pem is not None:
            before, self.exporter = self.exporter, self._encrypted(pem)
            before.shutdown()
        return self.exporter

    def _encrypted(self, pem: Pem) -> E:
        return self._kind(endpoint=self._endpoint, credentials=pem.credentials())

    def _plain(self) -> E:
        return self._kind(endpoint=self._endpoint, insecure=True)


class _Spans(SpanExporter):
    def __init__(self, config: OtlpConfig) -> None:
        self._exporting = _Exporting(OTLPSpanExporter, config)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporting.newest().export(spans)

    def shutdown(self) -> None:
        self._exporting.exporter.shutdown()


def span_exporter(config: OtlpConfig) -> SpanExporter:
    """Sends spans from the thread that calls it; tries again for ten seconds while the collector is away.

    Raises:
        ConfigError: The files of the certificate can not be used.
    """
    return _Spans(config)


@contextlib.asynccontextmanager
async def sending_metrics(config: OtlpConfig, telemetry: Telemetry, gauges: Sequence[Observed]) -> AsyncIterator[None]:
    """Sends what the process measures, until the block ends.

    Args:
        config: Where to, and how often.
        telemetry: Holds the instruments.
        gauges: What is asked for each time.
    """
    exporting = _Exporting(OTLPMetricExporter, config)
    metrics = Metrics(telemetry, gauges)

    def export(collected: sdk.MetricsData) -> None:
        exporting.newest().export(collected)

    async def send() -> None:
        while True:
            await asyncio.sleep(config.every_seconds)
            try:
                await asyncio.to_thread(export, await metrics.collect())
            except Exception as error:  # noqa: BLE001 - one fault must not blind whoever watches the process
                _log.error("metrics were not sent: %s", type(error).__name__)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        await cancel([sending])
        await asyncio.to_thread(exporting.exporter.shutdown)


class Metrics:
    """The instruments of a process in the SDK's form."""

    def __init__(self, telemetry: Telemetry, gauges: Sequence[Observed]) -> None:
        self._telemetry = telemetry
        self._gauges = gauges
        self._started = time.time_ns()

    async def collect(self) -> sdk.MetricsData:
        """All that is measured, gauges asked for anew."""
        for gauge in self._gauges:
            await self._observe(gauge)
        now = time.time_ns()
        metrics = [_metric(each, self._started, now) for each in self._telemetry.meter.instruments() if each.values]
        scope = sdk.ScopeMetrics(scope=SCOPE, metrics=metrics, schema_url="")
        return sdk.MetricsData(
            [sdk.ResourceMetrics(resource=self._telemetry.resource, scope_metrics=[scope], schema_url="")]
        )

    async def _observe(self, observed: Observed) -> None:
        gauge = self._telemetry.meter.gauge(observed.declared)
        try:
            gauge.set(await observed.observe(), *observed.labels)
        except (SQLAlchemyError, OSError) as error:
            # The last value would look as if nothing had happened.
            gauge.forget(*observed.labels)
            _log.warning("%s can not be told: %s", observed.declared.name, type(error).__name__)


def _metric(instrument: Instrument, start: int, now: int) -> sdk.Metric:
    declared = instrument.declared
    return sdk.Metric(name=declared.name, description="", unit=declared.unit, data=_data(instrument, start, now))


def _data(instrument: Instrument, start: int, now: int) -> sdk.DataT:
    if isinstance(instrument, Histogram):
        durations = [
            _durations(_attributes(instrument, labels), series, start, now)
            for labels, series in instrument.values.items()
        ]
        return sdk.Histogram(durations, _SINCE_START)
    points = [
        sdk.NumberDataPoint(_attributes(instrument, labels), start, now, value)
        for labels, value in instrument.values.items()
    ]
    return sdk.Gauge(points) if isinstance(instrument, Gauge) else sdk.Sum(points, _SINCE_START, is_monotonic=True)


def _durations(attributes: dict[str, str], series: Series, start: int, now: int) -> sdk.HistogramDataPoint:
    return sdk.HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=start,
        time_unix_nano=now,
        count=sum(series.counts),
        sum=series.total,
        bucket_counts=list(series.counts),
        explicit_bounds=BOUNDS,
        min=None,  # type: ignore[arg-type]  # optional in the protocol
        max=None,  # type: ignore[arg-type]  # as min
    )


def _attributes(instrument: Instrument, labels: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(instrument.declared.labels, labels, strict=True))
