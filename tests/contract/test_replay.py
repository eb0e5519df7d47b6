"""An act is named by its request_id: it takes effect once, and its answer is kept."""

import sqlite3
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from protovalidate import Validator

from chassis.ids import new_id
from ombud.retention.v1.ingest_service_pb2 import AppendBatchResponse
from tests.contract.conftest import Lived
from tests.support.contract import Rpc, rpcs, rules
from tests.support.refusals import refusal_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

_validator = Validator()

every_act = pytest.mark.parametrize("rpc", [rpc for rpc in rpcs() if rpc.method.keyed], ids=lambda rpc: rpc.name)


def copied(request: Message) -> Any:
    copy = type(request)()
    copy.CopyFrom(request)
    return copy


def bare(rpc: Rpc, reply: bytes) -> bytes:
    """The answer without its consistency token, which may be of a later revision: it is no older than the act."""
    if "consistency_token" not in rpc.descriptor.output_type.fields_by_name:
        return reply
    message = rpc.method.reply_type.FromString(reply)
    message.ClearField("consistency_token")
    return message.SerializeToString()


def written(lived: Lived) -> dict[str, tuple[int, int]]:
    """How far the feed and the audit records of each service have come."""
    found = {}
    for service in ("identity", "credit", "groups", "retention"):
        connection = sqlite3.connect(f"file:{lived.suite.data_dir}/{service}/{service}.db?mode=ro", uri=True)
        found[service] = connection.execute("SELECT revision, audit_sequence FROM feed_head").fetchone()
        connection.close()
    return found


def other_values(field: FieldDescriptor, value: Any) -> list[Any]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if isinstance(value, bytes):
            return [value[:-1] + bytes([(value[-1] if value else 0) ^ 1])]
        case FieldDescriptor.CPPTYPE_STRING:
            return (
                [new_id()]
                if rules(field).string.uuid
                else [value + "x", value[:-1], f"{value[:-1]}x", "1" * len(value)]
            )
        case FieldDescriptor.CPPTYPE_BOOL:
            return [not value]
        case FieldDescriptor.CPPTYPE_ENUM:
            return [number for number in range(1, 5) if number != value]
        case _:
            return [value + 1, value - 1]


def variations(request: Message) -> list[Message]:
    """The request with another value in one of its fields."""
    found = []
    for field, value in request.ListFields():
        if field.name == "request_id":
            continue
        if field.is_repeated or field.message_type is not None:
            inner = value[0] if field.is_repeated else value
            for other in variations(inner) if isinstance(inner, Message) else other_values(field, inner):
                varied = copied(request)
                if not field.is_repeated:
                    getattr(varied, field.name).CopyFrom(other)
                elif isinstance(inner, Message):
                    getattr(varied, field.name)[0].CopyFrom(other)
                else:
                    getattr(varied, field.name)[0] = other
                found.append(varied)
        else:
            for other in other_values(field, value):
                varied = copied(request)
                setattr(varied, field.name, other)
                found.append(varied)
    return [varied for varied in found if not _validator.collect_violations(varied)]


@every_act
@pytest.mark.parametrize("request_id", ["", "1", "not-a-uuid", "0192f0c1_0000_7000_8000_000000000000"])
async def test_act_without_a_well_formed_key_is_refused_by_its_name(lived: Lived, rpc: Rpc, request_id: str) -> None:
    example = lived.examples[rpc.path]
    request = copied(example.request)
    request.request_id = request_id
    refused = await refusal_of(lived.wire.call(example.who, rpc, request))
    assert refused.reason == "INVALID_FIELD"
    assert [violation.field for violation in refused.violations] == ["request_id"]


@every_act
async def test_replay_gives_the_same_bytes_and_changes_nothing(lived: Lived, rpc: Rpc) -> None:
    example, before = lived.examples[rpc.path], written(lived)
    for _ in range(3):
        again = await lived.wire.call(example.who, rpc, example.request)
        assert bare(rpc, again) == bare(rpc, example.reply)
    after = written(lived)
    assert after[rpc.method.service] == before[rpc.method.service]


@every_act
async def test_key_with_another_request_is_refused_and_changes_nothing(lived: Lived, rpc: Rpc) -> None:
    example, before = lived.examples[rpc.path], written(lived)
    varied = variations(example.request)
    refusals = [await refusal_of(lived.wire.call(example.who, rpc, request)) for request in varied]
    # What is wrong in itself, such as a number with other check digits, may be refused as that.
    reused = [refused for refused in refusals if refused.code() is not grpc.StatusCode.INVALID_ARGUMENT]
    assert reused
    assert {refused.reason for refused in reused} == {"REQUEST_ID_REUSED"}
    assert written(lived)[rpc.method.service] == before[rpc.method.service]


async def test_frame_that_is_sent_again_is_acknowledged_and_stored_once(lived: Lived) -> None:
    example = lived.examples["/ombud.retention.v1.IngestService/AppendBatch"]
    first = AppendBatchResponse.FromString(example.reply).ack
    again = AppendBatchResponse.FromString(await lived.wire.call(example.who, example.rpc, example.request)).ack
    assert first.added_records == 2
    assert again.added_records == 0
    assert again.acked_sequence == first.acked_sequence
