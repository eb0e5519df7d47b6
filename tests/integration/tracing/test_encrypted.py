"""What leaves the process is encrypted, to a collector that proves itself and asks for proof."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.clock import SystemClock
from chassis.config import ConfigError, OtlpConfig, TlsFiles
from chassis.otlp import sending_metrics, span_exporter
from chassis.telemetry import Telemetry, finish
from ombud.client import tls
from ombudctl.dev_ca import Authority
from tests.support.eventually import eventually
from tests.support.receiver import Receiver, receiving


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", SystemClock().now())


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[Receiver]:
    async with receiving(own=authority.workload("collector"), senders=authority.workload("credit")) as receiver:
        yield receiver


def tell(telemetry: Telemetry, name: str) -> None:
    finish(telemetry.start(name, parent=None, attributes={}), "OK", {})
    telemetry.flush()


async def test_spans_and_metrics_arrive_and_go_on_after_a_new_certificate(
    receiver: Receiver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_LOOK_EVERY", 0.0)
    telemetry = Telemetry(span_exporter(receiver.config), read_ratio=1)
    async with sending_metrics(receiver.config, telemetry, []):
        await asyncio.to_thread(tell, telemetry, "one")

        async def arrived() -> bool:
            return len(receiver.spans) == 1 and bool(receiver.metrics)

        await eventually(arrived)
        authority.renewed("credit")
        await asyncio.to_thread(tell, telemetry, "two")
        receiver.metrics.clear()

        async def arrived_again() -> bool:
            return [each.span.name for each in receiver.spans] == ["one", "two"] and bool(receiver.metrics)

        await eventually(arrived_again)
    await asyncio.to_thread(telemetry.shutdown)


async def test_nothing_goes_to_a_collector_of_another_authority(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds for which the exporter tries.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1")
    other = Authority(tmp_path / "other", SystemClock().now())
    strangers = OtlpConfig(endpoint=receiver.config.endpoint, tls=other.workload("credit"))
    telemetry = Telemetry(span_exporter(strangers), read_ratio=1)
    await asyncio.to_thread(tell, telemetry, "one")
    await asyncio.to_thread(telemetry.shutdown)
    assert not receiver.spans


def test_files_that_can_not_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    files = authority.workload("credit")
    absent = TlsFiles(root=files.root, certificate=files.certificate, key=tmp_path / "absent.key")
    with pytest.raises(ConfigError, match=r"^server\.otlp\.tls\.key: absent\.key: No such file"):
        span_exporter(OtlpConfig(endpoint="collector:4317", tls=absent))
