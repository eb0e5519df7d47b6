"""What is counted here is what is sent, and sending holds nobody up."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.exc import OperationalError

from chassis.config import OtlpConfig
from chassis.metrics import BOUNDS, Declared, Meter, Observed
from chassis.otlp import Metrics, sending_metrics, span_exporter
from chassis.telemetry import Telemetry, finish
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.receiver import receiving

SPEED = Declared("speed", "s", ("road",))
DEPTH = Declared("depth", "m", ("lake",))


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_each_duration_is_counted_once_below_its_bound(durations: list[float]) -> None:
    histogram = Meter().histogram(SPEED)
    for seconds in durations:
        histogram.record(seconds, "north")
    if durations:
        series = histogram.values["north",]
        assert sum(series.counts) == len(durations)
        assert series.total == pytest.approx(sum(durations))
        for place, bound in enumerate(BOUNDS):
            assert sum(series.counts[: place + 1]) == sum(seconds <= bound for seconds in durations)


def test_an_instrument_is_one_by_its_name_and_of_one_kind() -> None:
    meter = Meter()
    assert meter.counter(SPEED) is meter.counter(SPEED)
    with pytest.raises(TypeError, match="speed is no Gauge"):
        meter.gauge(SPEED)


async def test_gauge_that_can_not_be_asked_is_absent_instead_of_old() -> None:
    telemetry = Telemetry(InMemorySpanExporter(), read_ratio=0)
    answers = iter([3.0])

    async def depth() -> float:
        try:
            return next(answers)
        except StopIteration:
            raise OperationalError("SELECT depth", {}, OSError()) from None

    metrics = Metrics(telemetry, [Observed(DEPTH, ("como",), depth)])

    def sent(data: sdk.MetricsData) -> set[str]:
        return {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}

    assert "depth" in sent(await metrics.collect())
    assert "depth" not in sent(await metrics.collect())
    telemetry.shutdown()


class Away(InMemorySpanExporter):
    def export(self, _spans: object) -> SpanExportResult:
        return SpanExportResult.FAILURE


def counted(telemetry: Telemetry) -> dict[str, float]:
    return {each.declared.name: each.values.get((), 0) for each in telemetry.meter.instruments()}  # type: ignore[misc]  # no histogram among them


def test_spans_that_nobody_took_are_counted() -> None:
    for exporter, taken in ((InMemorySpanExporter(), 5), (Away(), 0)):
        telemetry = Telemetry(exporter, read_ratio=1)
        for _ in range(5):
            finish(telemetry.start("one", parent=None, attributes={}), "OK", {})
        telemetry.flush()
        assert counted(telemetry) == {"ombud.spans.ended": 5, "ombud.spans.exported": taken}
        telemetry.shutdown()


async def test_collector_that_is_away_holds_nobody_up_and_gets_what_waits_once_it_is_back() -> None:
    port = free_port()
    config = OtlpConfig(endpoint=f"127.0.0.1:{port}", every_seconds=0.01)
    telemetry = Telemetry(span_exporter(config), read_ratio=1)
    asked = 0

    async def depth() -> float:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ValueError("the first time it fails")
        return 1.0

    async def asked_again() -> bool:
        return asked > 1

    async with sending_metrics(config, telemetry, [Observed(DEPTH, ("como",), depth)]):
        await eventually(asked_again)
        began = time.perf_counter()
        for _ in range(1000):
            finish(telemetry.start("one", parent=None, attributes={}), "OK", {})
        assert time.perf_counter() - began < 1
        async with receiving(port) as receiver:

            async def whole() -> bool:
                return len(receiver.spans) == 1000 and bool(receiver.metrics)

            await eventually(whole, within=20)
            await asyncio.to_thread(telemetry.shutdown)
    counts = counted(telemetry)
    assert counts["ombud.spans.ended"] == counts["ombud.spans.exported"] == 1000
