"""Whatever a caller sends ends in an answer or in a typed refusal, and never in a fault of the server."""

import asyncio
import gc
import os
import re
from pathlib import Path
from random import Random

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.refusal import ErrorReason
from ombud.client import OmbudError
from ombud.common.v1.access_pb2 import code as code_option
from ombud.retention.v1.ingest_service_pb2 import AppendResponse
from tests.contract.conftest import Lived
from tests.contract.test_shape import every_rpc
from tests.support import mess
from tests.support.contract import Rpc
from tests.support.mess import altered, messy
from tests.support.refusals import refusal_of
from tests.support.wire import NOBODY, Who

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOGETHER = 20
PAGE = os.sysconf("SC_PAGE_SIZE")
INTERNALS = re.compile(
    r"Traceback|Exception|\bError\b|sqlite|psycopg|sqlalchemy|SELECT |INSERT |UPDATE |\.py\b|/home/|0x[0-9a-f]{8}|"
    r"google\.protobuf|<class|object at"
)

fuzzed = settings(
    max_examples=mess.EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def is_typed(error: OmbudError) -> None:
    """Fails unless the error is one that the contract knows, said in the contract's words."""
    (raw,) = (value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin")
    assert isinstance(raw, bytes)
    status = status_pb2.Status.FromString(raw)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "ombud"
    value = ErrorReason.DESCRIPTOR.values_by_name[f"ERROR_REASON_{info.reason}"]
    assert code_pb2.Code.Name(value.GetOptions().Extensions[code_option]) == error.code().name
    assert status.code == error.code().value[0]
    assert info.reason != "INTERNAL"
    assert info.metadata["satisfy"]
    for text in (status.message, *info.metadata.values(), *(violation.description for violation in error.violations)):
        assert not INTERNALS.search(text)
    if error.reason == "INVALID_FIELD":
        assert error.violations


async def outcome(lived: Lived, who: Who, rpc: Rpc, request: object) -> None:
    try:
        await lived.wire.call(who, rpc, request)  # type: ignore[arg-type]  # a message, or bytes that are none
    except OmbudError as error:
        is_typed(error)


@every_rpc
async def test_empty_request_ends_typed(lived: Lived, rpc: Rpc) -> None:
    await outcome(lived, lived.examples[rpc.path].who, rpc, b"")


@every_rpc
async def test_bytes_that_are_no_message_are_refused_as_that(lived: Lived, rpc: Rpc) -> None:
    for raw in (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0f"):
        call = lived.wire.call(lived.examples[rpc.path].who, rpc, raw)
        if rpc.descriptor.client_streaming:
            # One bad frame does not end its stream: it is refused in its place.
            answer = AppendResponse.FromString(await call)
            assert answer.refusal.reason == ErrorReason.ERROR_REASON_FRAME_MALFORMED
            continue
        refused = await refusal_of(call)
        is_typed(refused)
        assert refused.reason == "INVALID_FIELD"


@every_rpc
async def test_field_that_nobody_knows_is_passed_over(lived: Lived, rpc: Rpc) -> None:
    if not rpc.method.reads:
        return
    example = lived.examples[rpc.path]
    unknown = example.request.SerializeToString() + b"\xc2\x3e\x03abc"
    await lived.wire.call(example.who, rpc, unknown)


@every_rpc
@fuzzed
@given(seed=st.integers(0, 2**64 - 1))
async def test_any_request_ends_typed(lived: Lived, rpc: Rpc, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - odd requests, not secrets
    example = lived.examples[rpc.path]
    ids = list(lived.life.ids.values())
    kind = rpc.method.request_type
    requests = [
        messy(kind, random, ids) if number % 2 else altered(example.request, random, ids) for number in range(TOGETHER)
    ]
    await asyncio.gather(*(outcome(lived, example.who, rpc, request) for request in requests))


@every_rpc
async def test_refusal_of_a_stranger_is_typed(lived: Lived, rpc: Rpc) -> None:
    if rpc.method.rule.public:
        return
    for who in (NOBODY, Who("root"), Who("platform", frozenset({"nothing"}))):
        if who.workload in rpc.method.rule.workloads:
            continue
        is_typed(await refusal_of(lived.wire.call(who, rpc, b"")))


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def test_memory_does_not_grow_with_what_is_refused(lived: Lived) -> None:
    """Reads and writes alike, through every RPC; a first part warms up what is kept once."""
    random = Random(1)  # noqa: S311 - odd requests, not secrets
    ids = list(lived.life.ids.values())

    async def send(rounds: int) -> int:
        for _ in range(rounds):
            await asyncio.gather(
                *(
                    outcome(lived, example.who, example.rpc, messy(example.rpc.method.request_type, random, ids))
                    for example in lived.examples.values()
                )
            )
        gc.collect()
        return resident()

    before = await send(5)
    after = await send(5)
    assert after - before < 16 << 20
