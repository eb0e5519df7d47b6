import asyncio
import pickle
from datetime import timedelta

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from ombud.client import OmbudError, Violation, connect
from ombud.common.v1.types_pb2 import Subject
from tests.unit.client.play import Context, Server, Stub

SUBJECT = Subject(account_id="018f0000-0000-7000-8000-000000000001")


def refusal(domain: str = "ombud") -> status_pb2.Status:
    info = error_details_pb2.ErrorInfo(
        reason="END_DATE_REQUIRED", domain=domain, metadata={"satisfy": "give an end_time", "measure": "CLOSED"}
    )
    fields = error_details_pb2.BadRequest(
        field_violations=[error_details_pb2.BadRequest.FieldViolation(field="end_time", description="is missing")]
    )
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromTimedelta(timedelta(seconds=2))
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="the sanction has no end")
    for detail in (info, fields, retry):
        status.details.add().Pack(detail)
    return status


@pytest.fixture
def refusing(server: Server) -> Server:
    async def refuse(_request: Subject, context: Context) -> Subject:
        await context.abort_with_status(rpc_status.to_status(refusal()))
        raise AssertionError

    server.behave = refuse
    return server


async def call_of(arity: str, stub: Stub) -> None:
    if arity == "one":
        await stub.one(SUBJECT)
    elif arity == "down":
        _ = [answer async for answer in stub.down(SUBJECT)]
    elif arity == "up":
        await stub.up(iter([SUBJECT]))
    elif arity == "both":
        _ = [answer async for answer in stub.both(iter([SUBJECT]))]
    elif arity == "read":
        call = stub.down(SUBJECT)
        while await call.read() is not grpc.aio.EOF:
            pass
    elif arity == "write":
        call = stub.both()
        await call.write(SUBJECT)
        await call.code()
        await call.write(SUBJECT)


@pytest.mark.parametrize("arity", ["one", "down", "up", "both", "read", "write"])
async def test_refusal_is_typed_whatever_the_arity(refusing: Server, arity: str) -> None:
    async with connect(refusing.target) as channel:
        with pytest.raises(OmbudError) as refused:
            await call_of(arity, Stub(channel))
    error = refused.value
    assert error.reason == "END_DATE_REQUIRED"
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.message == "the sanction has no end"
    assert error.satisfy == "give an end_time"
    assert error.facts == {"measure": "CLOSED"}
    assert error.violations == (Violation("end_time", "is missing"),)
    assert error.retry_after == timedelta(seconds=2)


async def test_refusal_reads_as_one_sentence_and_survives_pickling(refusing: Server) -> None:
    async with connect(refusing.target) as channel:
        with pytest.raises(OmbudError) as refused:
            await Stub(channel).one(SUBJECT)
    text = "END_DATE_REQUIRED: the sanction has no end; end_time: is missing; give an end_time"
    assert str(refused.value) == text
    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - made in this test
    assert (str(again), again.facts, again.code()) == (text, refused.value.facts, refused.value.code())


async def test_code_that_catches_the_errors_of_grpc_goes_on_working(refusing: Server) -> None:
    async with connect(refusing.target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await Stub(channel).one(SUBJECT)
    assert refused.value.details() == "the sanction has no end"


def failed(details: bytes) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", details))
    return grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), trailing, "broken")


def test_details_of_another_domain_give_no_reason() -> None:
    assert OmbudError.read(failed(refusal("other.example").SerializeToString())).reason == ""


def test_unreadable_details_leave_the_code() -> None:
    broken = status_pb2.Status(details=[Packed(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")])
    for details in (b"\xff\xff", broken.SerializeToString()):
        error = OmbudError.read(failed(details))
        assert (error.reason, error.code(), str(error)) == ("", grpc.StatusCode.INTERNAL, "INTERNAL: broken")


async def test_server_that_is_not_there_is_unavailable_without_a_reason() -> None:
    async with connect("127.0.0.1:1", timeout=10) as channel:
        with pytest.raises(OmbudError) as refused:
            await Stub(channel).one(SUBJECT)
    assert (refused.value.code(), refused.value.reason) == (grpc.StatusCode.UNAVAILABLE, "")


async def test_cancelling_the_task_cancels_the_call(server: Server) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_request: Subject, _context: Context) -> Subject:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError

    server.behave = wait
    async with connect(server.target) as channel:
        for arity in ("one", "down", "both"):
            started.clear()
            cancelled.clear()
            task = asyncio.create_task(call_of(arity, Stub(channel)))
            await asyncio.wait_for(started.wait(), 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(cancelled.wait(), 5)
