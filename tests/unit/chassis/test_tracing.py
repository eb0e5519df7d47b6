import contextlib
import json
import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from chassis.ids import new_id
from chassis.telemetry import ALLOWED_ATTRIBUTES, Telemetry, allowed, finish, parse_parent
from chassis.trace_store import TraceStore, spans_of
from ombud.identity.v1.account_service_pb2 import (
    AccountKind,
    GetAccountRequest,
    HolderKind,
    RegisterAccountRequest,
    WatchAccountsRequest,
)
from tests.support.refusals import refusal_of
from tests.support.stage import GET, PARENT, REGISTER, TRACE, WATCH, Stage, staged

UNSAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-00")
SAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-01")


def registration() -> RegisterAccountRequest:
    return RegisterAccountRequest(
        request_id=new_id(),
        kind=AccountKind.ACCOUNT_KIND_PERSONAL,
        holder_kind=HolderKind.HOLDER_KIND_INDIVIDUAL,
        nickname="marie",
    )


@pytest.mark.parametrize("header", [SAMPLED, UNSAMPLED])
async def test_act_is_recorded_under_the_callers_span_whatever_its_sampling_flag(
    stage: Stage, header: tuple[str, str]
) -> None:
    await stage.call(REGISTER, registration(), stage.authorized("platform"), header)
    (span,) = stage.spans()
    context = span.get_span_context()
    assert context is not None
    assert span.parent is not None
    assert f"{context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    (record,) = await stage.audited()
    assert (record.trace_id, record.span_id) == (TRACE, f"{context.span_id:016x}")


@pytest.mark.parametrize("header", [SAMPLED, UNSAMPLED])
async def test_denial_and_failed_read_are_recorded_when_no_read_is_sampled(
    tmp_path: Path, header: tuple[str, str]
) -> None:
    async with staged(tmp_path, read_ratio=0.0) as stage:
        request = GetAccountRequest(account_id=new_id())
        await stage.call(GET, request, stage.authorized("platform"), header)
        await refusal_of(stage.call(GET, request, header))
        await refusal_of(stage.call(GET, request, stage.authorized("operator"), header))
        stage.part.before = failing
        await refusal_of(stage.call(GET, request, stage.authorized("platform"), header))
        spans = stage.spans()
    attributes = [span.attributes or {} for span in spans]
    assert [each["rpc.response.status_code"] for each in attributes] == [
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "INTERNAL",
    ]
    assert attributes[1]["ombud.reason"] == "WORKLOAD_NOT_ALLOWED"
    assert attributes[2]["ombud.incident"]
    assert all((span.start_time or 0) < (span.end_time or 0) for span in spans)


async def failing() -> None:
    raise ValueError


async def test_successful_reads_are_sampled_by_trace_and_not_by_the_callers_flag(tmp_path: Path) -> None:
    async with staged(tmp_path, read_ratio=0.5) as stage:
        header = stage.authorized("platform")
        request = GetAccountRequest(account_id=new_id())
        for low_bits, flag in (("0" * 16, "00"), ("f" * 16, "01"), ("0" * 15 + "1", "01"), ("f" * 16, "00")):
            trace = f"00-{'a' * 16}{low_bits}-{PARENT}-{flag}"
            await stage.call(GET, request, header, ("traceparent", trace))
        traces = [f"{span.context.trace_id:032x}"[16:] for span in stage.spans() if span.context]
    assert traces == ["0" * 16, "0" * 15 + "1"]


async def test_stream_is_recorded_even_if_its_reader_leaves(stage: Stage) -> None:
    call = stage.wire.unary_stream(WATCH)(
        WatchAccountsRequest().SerializeToString(), metadata=[stage.authorized("groups"), SAMPLED]
    )
    await call.read()
    call.cancel()
    await stage.call(REGISTER, registration(), stage.authorized("platform"))
    assert {span.name.rpartition("/")[2] for span in stage.spans()} >= {"RegisterAccount"}


async def test_span_names_caller_and_outcome_and_nothing_beyond_the_list(stage: Stage) -> None:
    await stage.call(REGISTER, registration(), stage.authorized("platform"))
    (span,) = stage.spans()
    assert span.name == REGISTER.removeprefix("/")
    assert dict(span.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": REGISTER.removeprefix("/"),
        "rpc.response.status_code": "OK",
        "ombud.service": "identity",
        "ombud.workload": "platform",
    }
    assert not span.events


@given(st.dictionaries(st.text() | st.sampled_from(sorted(ALLOWED_ATTRIBUTES)), st.text()))
def test_attributes_beyond_the_list_are_dropped(attributes: dict[str, str]) -> None:
    kept = allowed(attributes)
    assert kept.keys() == attributes.keys() & ALLOWED_ATTRIBUTES


def test_attributes_beyond_the_list_do_not_come_in_at_the_start_or_the_end_of_a_span() -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry(exporter, read_ratio=1.0)
    span = telemetry.start("one", parent=None, attributes={"nickname": "marie", "ombud.count": 1})
    finish(span, "INTERNAL", {"exception.message": "marie", "ombud.reason": "INTERNAL"})
    telemetry.shutdown()
    (recorded,) = exporter.get_finished_spans()
    assert set(recorded.attributes or {}) == {"ombud.count", "ombud.reason", "rpc.response.status_code"}
    assert "marie" not in recorded.to_json()


@given(st.binary(min_size=16, max_size=16).filter(any), st.binary(min_size=8, max_size=8).filter(any))
def test_well_formed_parent_is_read(trace_id: bytes, span_id: bytes) -> None:
    context = parse_parent(f"00-{trace_id.hex()}-{span_id.hex()}-00")
    assert context is not None
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (trace_id.hex(), span_id.hex())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "rubbish",
        f"00-{TRACE}-{PARENT}",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-zz",
        f"00-0x{TRACE[2:]}-{PARENT}-01",
        f"00-{TRACE[:15]}_{TRACE[16:]}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
    ],
)
def test_malformed_parent_is_none(header: str) -> None:
    assert parse_parent(header) is None


@given(st.text())
def test_no_header_breaks_the_reader(header: str) -> None:
    parse_parent(header)


async def test_malformed_header_starts_a_trace_of_its_own(stage: Stage) -> None:
    await stage.call(REGISTER, registration(), stage.authorized("platform"), ("traceparent", "rubbish"))
    (span,) = stage.spans()
    (record,) = await stage.audited()
    assert span.parent is None
    assert re.fullmatch("[0-9a-f]{32}", record.trace_id)


def test_stored_spans_are_found_by_trace_with_parent_and_attributes(tmp_path: Path) -> None:
    each: list[dict[str, str | int]] = [{"ombud.service": "credit"}, {"ombud.service": "groups", "ombud.count": 2}]
    telemetry = Telemetry(TraceStore(tmp_path / "traces.db"), read_ratio=1.0)
    for start, attributes in enumerate(each, 1):
        span = telemetry.start(
            "one", parent=parse_parent(f"00-{TRACE}-{PARENT}-01"), attributes=attributes, start_time_ns=start
        )
        finish(span, "OK", {})
    telemetry.shutdown()
    stored = spans_of(tmp_path / "traces.db", TRACE)
    assert [(span.service, span.parent_id, span.status) for span in stored] == [
        ("credit", PARENT, "OK"),
        ("groups", PARENT, "OK"),
    ]
    assert json.dumps(stored[1].attributes) == '{"ombud.count": 2, "rpc.response.status_code": "OK"}'
    assert spans_of(tmp_path / "traces.db", "0" * 32) == []
    assert spans_of(tmp_path / "absent.db", TRACE) == []


def kept_span(trace: int, end_ns: int) -> ReadableSpan:
    context = SpanContext(trace, 1, is_remote=False)
    return ReadableSpan("one", context=context, start_time=end_ns, end_time=end_ns)


def test_spans_of_seven_days_are_kept_however_long_the_process_runs(tmp_path: Path) -> None:
    store, day_ns = TraceStore(tmp_path / "traces.db"), 24 * 3600 * 10**9
    for trace, day in ((1, 10), (2, 12), (3, 18)):
        assert store.export([kept_span(trace, day * day_ns)]) is SpanExportResult.SUCCESS
    assert [len(spans_of(tmp_path / "traces.db", f"{trace:032x}")) for trace in (1, 2, 3)] == [0, 1, 1]
    store.shutdown()


def test_spans_are_kept_again_after_a_write_that_failed(tmp_path: Path) -> None:
    file = tmp_path / "traces.db"
    store = TraceStore(file)
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("ALTER TABLE span RENAME TO away")
        assert store.export([kept_span(1, 1)]) is SpanExportResult.FAILURE
        other.execute("ALTER TABLE away RENAME TO span")
    assert store.export([kept_span(2, 2)]) is SpanExportResult.SUCCESS
    assert spans_of(file, f"{2:032x}")
    store.shutdown()
