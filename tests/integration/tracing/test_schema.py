"""What a running suite sends by OTLP is what `docs/telemetry.yaml` declares: nothing more, nothing less."""

import sqlite3
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from chassis.telemetry import ALLOWED_ATTRIBUTES
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import types_pb2 as credit
from ombud.identity.v1.agreement_service_pb2 import GetCurrentAgreementRequest
from tests.support import records
from tests.support.eventually import eventually
from tests.support.life import Life
from tests.support.mesh import Mesh, meshed
from tests.support.receiver import Receiver, plain, receiving
from tests.support.telemetry import DECLARED
from tests.support.wire import PLATFORM, Who

pytestmark = pytest.mark.asyncio(loop_scope="module")

KINDS = {"gauge": "gauge", "sum": "counter", "histogram": "histogram"}


async def played(mesh: Mesh) -> None:
    """Acts on all four services, a refusal and a failure among them."""
    wire = mesh.wire()
    life = Life(wire.call, mesh.clock, mesh.folder / "identity" / "outbox" / "phone.jsonl")
    founder, member = await life.verified("anna", 21), await life.verified("ben", 22)
    group = await life.group(founder, member)
    await records.append(life, group.group_id, b"one")
    tip_off_id = await life.tip_off(group)
    sanction_id = await life.sanction(
        Subject(account_id=member), credit.MEASURE_KIND_PUBLISHING_SUSPENDED, tip_off_id=tip_off_id
    )
    await life.answer(tip_off_id, sanction_id)
    await life.appeal(sanction_id, member)
    with sqlite3.connect(mesh.folder / "identity" / "identity.db") as connection:
        connection.execute("ALTER TABLE agreement RENAME TO agreement_that_is_away")
    for who in (Who("credit"), PLATFORM):
        with pytest.raises(OmbudError):
            await life.act(who, GetCurrentAgreementRequest(name="terms"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def received(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Receiver]:
    async with receiving() as receiver, meshed(tmp_path_factory.mktemp("mesh"), otlp=receiver.config) as mesh:
        await played(mesh)

        async def told() -> bool:
            return (
                metrics(receiver).keys() >= DECLARED["metrics"].keys()
                and span_names(receiver) >= DECLARED["spans"].keys()
                and any("ombud.incident" in each.attributes for each in receiver.spans)
            )

        await eventually(told, within=20)
        yield receiver


def span_names(receiver: Receiver) -> set[str]:
    names = {each.span.name: each.attributes.get("rpc.method") for each in receiver.spans}
    return {"{rpc.method}" if name == method else name for name, method in names.items()}


def metrics(receiver: Receiver) -> dict[str, Metric]:
    return {name: metric for (_, name), metric in receiver.metrics.items()}


def labels_of(metric: Metric) -> set[str]:
    points = getattr(metric, metric.WhichOneof("data") or "").data_points
    return {label for point in points for label in plain(point.attributes)}


async def test_span_names_and_kinds_are_those_declared(received: Receiver) -> None:
    assert span_names(received) == DECLARED["spans"].keys()
    for each in received.spans:
        declared = DECLARED["spans"].get(each.span.name, DECLARED["spans"]["{rpc.method}"])
        assert Span.SpanKind.Name(each.span.kind) == f"SPAN_KIND_{declared['kind'].upper()}"


async def test_attributes_and_their_types_are_those_declared(received: Receiver) -> None:
    seen = {(name, type(value)) for each in received.spans for name, value in each.attributes.items()}
    seen |= {(label, str) for metric in metrics(received).values() for label in labels_of(metric)}
    types = {"string": str, "int": int}
    assert seen == {(name, types[each["type"]]) for name, each in DECLARED["attributes"].items()}


async def test_list_of_what_spans_may_carry_is_declared_whole() -> None:
    labels = {label for metric in DECLARED["metrics"].values() for label in metric["labels"]}
    assert ALLOWED_ATTRIBUTES | labels == DECLARED["attributes"].keys()


async def test_resources_say_what_is_declared(received: Receiver) -> None:
    assert all(each.resource.keys() == DECLARED["resource"].keys() for each in received.spans)


async def test_metrics_with_type_unit_and_labels_are_those_declared(received: Receiver) -> None:
    sent = {
        name: (KINDS[metric.WhichOneof("data") or ""], metric.unit, labels_of(metric))
        for name, metric in metrics(received).items()
    }
    assert sent == {
        name: (each["type"], each["unit"], set(each["labels"])) for name, each in DECLARED["metrics"].items()
    }


async def test_calls_are_counted_by_code_with_their_durations(received: Receiver) -> None:
    async def counted() -> dict[str | int, HistogramDataPoint]:
        metric = received.metrics["ombud-identity", "rpc.server.call.duration"]
        found = {
            plain(point.attributes)["rpc.response.status_code"]: point
            for point in metric.histogram.data_points
            if str(plain(point.attributes)["rpc.method"]).endswith("GetCurrentAgreement")
        }
        return found if found.keys() == {"PERMISSION_DENIED", "UNAVAILABLE"} else {}

    for point in (await eventually(counted)).values():
        assert point.count == sum(point.bucket_counts) == 1
        assert 0 < point.sum < 10


async def test_each_service_tells_of_its_own_queue_trail_and_lease(received: Receiver) -> None:
    for service in ("identity", "credit", "groups", "retention"):
        for name in ("ombud.writer.waiting", "ombud.audit.undelivered", "ombud.feed.head", "ombud.jobs.led_until"):
            (point,) = received.metrics[f"ombud-{service}", name].gauge.data_points
            assert plain(point.attributes) == {"ombud.service": service}


async def test_follower_reaches_the_head_of_its_feed(received: Receiver) -> None:
    async def reached() -> bool:
        (head,) = received.metrics["ombud-credit", "ombud.feed.head"].gauge.data_points
        positions = received.metrics["ombud-groups", "ombud.feed.position"].gauge.data_points
        (position,) = [each for each in positions if plain(each.attributes)["ombud.feed"] == "credit-standings"]
        return bool(head.as_double == position.as_double > 0 or head.as_int == position.as_int > 0)

    await eventually(reached)
