"""The OpenTelemetry Collector itself, under our configuration, where the machine has one."""

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
import yaml
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from chassis.clock import SystemClock
from chassis.config import OtlpConfig, TlsFiles
from ombud.client import OmbudError, Tls
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.identity.v1.agreement_service_pb2 import GetCurrentAgreementRequest
from ombudctl.dev_ca import Authority
from tests.support import records
from tests.support.contract import Rpc
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.manifests import DEPLOY
from tests.support.mesh import meshed
from tests.support.ports import free_port
from tests.support.receiver import Receiver, receiving
from tests.support.stage import PARENT, TRACE
from tests.support.telemetry import IN_PROMETHEUS
from tests.support.wire import Who

PROGRAM = shutil.which("otelcol-contrib")
CONFIG = DEPLOY / "kustomize" / "components" / "collector" / "collector.yaml"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Behind:
    """What came out of the collector."""

    receiver: Receiver
    page: str


@contextlib.asynccontextmanager
async def collecting(folder: Path, backend: OtlpConfig) -> AsyncIterator[tuple[OtlpConfig, str]]:
    """Runs the collector on ports of its own; gives where it takes OTLP and where its metrics are read."""
    authority = Authority(folder / "authority", SystemClock().now())
    own, senders = authority.workload("collector"), authority.workload("credit")
    otlp, metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    config["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{free_port()}"
    taking = config["receivers"]["otlp"]["protocols"]["grpc"]
    taking["endpoint"] = otlp
    taking["tls"] |= {"cert_file": str(own.certificate), "key_file": str(own.key), "client_ca_file": str(own.root)}
    config["exporters"]["otlp"] = {"endpoint": backend.endpoint, "tls": {"insecure": True}}
    config["exporters"]["prometheus"]["endpoint"] = metrics
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    (folder / "collector.yaml").write_text(yaml.safe_dump(config))
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), f"--config=file:{folder / 'collector.yaml'}", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with opened(otlp, senders) as channel, asyncio.timeout(20):
            await channel.channel_ready()
        yield OtlpConfig(endpoint=otlp, tls=senders, every_seconds=0.2), metrics
    finally:
        process.terminate()
        await process.wait()


async def page(address: str) -> str:
    """What Prometheus would read."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return text


async def told(life: Life) -> None:
    """A record, a refusal, and in one trace a tip-off and the sanction that it leads to."""
    founder = await life.verified("anna", 21)
    group = await life.group(founder)
    await records.append(life, group.group_id, b"one")
    with pytest.raises(OmbudError):
        await life.act(Who("credit"), GetCurrentAgreementRequest(name="terms"))
    plain = life.call

    async def traced(who: Who, rpc: Rpc, request: Message) -> bytes:
        return await plain(who, rpc, request, traceparent=f"00-{TRACE}-{PARENT}-00")  # type: ignore[call-arg]  # the wire takes headers

    life.call = traced
    tip_off_id = await life.tip_off(group)
    await life.sanction(Subject(group_id=group.group_id), credit.MEASURE_KIND_GROUP_SUSPENDED, tip_off_id=tip_off_id)


def opened(endpoint: str, files: TlsFiles) -> grpc.aio.Channel:
    """A channel with a certificate."""
    return grpc.aio.secure_channel(endpoint, Tls(files.root, files.certificate, files.key).read().credentials())


async def talkative(collector: OtlpConfig) -> None:
    """Sends a span that says more than it may."""
    values = [KeyValue(key=key, value=AnyValue(string_value="marie")) for key in ("enduser.id", "ombud.reason")]
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(
        Span(name="talkative", trace_id=b"t" * 16, span_id=b"s" * 8, attributes=values)
    )
    assert collector.tls is not None
    async with opened(collector.endpoint, collector.tls) as channel:
        stub: Any = TraceServiceStub(channel)  # type: ignore[no-untyped-call]  # as generated
        await stub.Export(request)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder = tmp_path_factory.mktemp("collector")
    async with receiving() as receiver, collecting(folder, receiver.config) as (collector, metrics):
        await talkative(collector)
        async with meshed(folder / "mesh", otlp=collector) as mesh:
            await told(Life(mesh.wire().call, mesh.clock, mesh.folder / "identity" / "outbox" / "phone.jsonl"))

            async def followed() -> bool:
                names = {each.span.name for each in receiver.of_trace(TRACE)}
                return {"follow credit-standings", "deliver audit records"} <= names

            await eventually(followed, within=20)

            async def measured() -> str:
                text = await page(metrics)
                return text if all(name in text for name in IN_PROMETHEUS) else ""

            text = await eventually(measured, within=20)
        yield Behind(receiver, text)


async def test_trace_of_a_tip_off_comes_through_whole(behind: Behind) -> None:
    spans = behind.receiver.of_trace(TRACE)
    known = {PARENT} | {each.span_id for each in spans}
    assert {each.attributes["ombud.service"] for each in spans} >= {"groups", "credit"}
    assert not [each.span.name for each in spans if each.parent_id not in known]


async def test_what_is_not_on_the_list_stays_behind(behind: Behind) -> None:
    (span,) = behind.receiver.of_trace((b"t" * 16).hex())
    assert span.attributes == {"ombud.reason": "marie"}


async def test_metrics_have_the_names_that_alerts_and_dashboard_ask_for(behind: Behind) -> None:
    names = set(re.findall(r"^(\w+)\{", behind.page, re.MULTILINE)) - {"target_info"}
    assert names == IN_PROMETHEUS.keys()
