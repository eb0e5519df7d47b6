"""What the contract says of each RPC."""

from dataclasses import dataclass
from enum import Enum

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from chassis.auth.access import AccessRule, rule_of
from ombud.common.v1.access_pb2 import bulk

_PACKAGE_PARTS = 3


class Load(Enum):
    """What a call is to the server that has too much to do, as refusals and metrics name it."""

    READ = "reads"
    WRITE = "writes"
    PUBLIC = "public calls"
    BULK = "bulk calls"
    STREAM = "streams"


@dataclass(frozen=True)
class Method:
    """One RPC.

    Attributes:
        path: Full name as gRPC sends it, `/ombud.credit.v1.AppealService/FileAppeal`.
        name: The same without the slash before it, as spans and metrics give it.
        service: The Ombud service it belongs to, `credit`.
        rule: Who may call.
        reads: True if it declares no side effects.
        keyed: True if its request carries a `request_id`.
        load: What it is to a server that has too much to do.
    """

    path: str
    name: str
    service: str
    request_type: type[Message]
    reply_type: type[Message]
    rule: AccessRule
    reads: bool
    keyed: bool
    load: Load


def methods_of(full_service_name: str) -> dict[str, Method]:
    """The RPCs of a gRPC service by path, from the descriptors that are loaded."""
    service = descriptor_pool.Default().FindServiceByName(full_service_name)
    return {method.path: method for method in map(_describe, service.methods)}


def _describe(method: MethodDescriptor) -> Method:
    service = method.containing_service.full_name
    rule = rule_of(method)
    reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return Method(
        path=f"/{service}/{method.name}",
        name=f"{service}/{method.name}",
        service=service.split(".")[1] if service.count(".") >= _PACKAGE_PARTS else service,
        request_type=message_factory.GetMessageClass(method.input_type),
        reply_type=message_factory.GetMessageClass(method.output_type),
        rule=rule,
        reads=reads,
        keyed="request_id" in method.input_type.fields_by_name,
        load=_load(method, public=rule.public, reads=reads),
    )


def _load(method: MethodDescriptor, *, public: bool, reads: bool) -> Load:
    if method.GetOptions().Extensions[bulk]:
        return Load.BULK
    if method.client_streaming or method.server_streaming:
        return Load.STREAM
    if public:
        return Load.PUBLIC
    return Load.READ if reads else Load.WRITE
