"""Every RPC and every message of the contract, from the descriptors that the SDK ships."""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

import ombud
from chassis.server.methods import Method, methods_of

TEXT = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


@dataclass(frozen=True)
class Rpc:
    """One RPC: its descriptor, and what the server reads from it."""

    descriptor: MethodDescriptor
    method: Method

    @property
    def path(self) -> str:
        return self.method.path

    @property
    def name(self) -> str:
        """`credit.AppealService/FileAppeal`, as test ids say it."""
        return self.path.removeprefix("/ombud.").replace(".v1", "")

    @property
    def verb(self) -> str:
        return self.descriptor.name

    @property
    def streams(self) -> bool:
        return self.descriptor.client_streaming or self.descriptor.server_streaming

    @property
    def idempotent(self) -> bool:
        level: int = self.descriptor.GetOptions().idempotency_level
        return level == MethodOptions.IDEMPOTENT

    def request(self) -> Message:
        """An empty request."""
        return self.method.request_type()


@cache
def files() -> tuple[FileDescriptor, ...]:
    """Every file of `ombud.*.v1`."""
    (root,) = ombud.__path__
    paths = [path.relative_to(root) for path in Path(root).rglob("v1/*_pb2.py")]
    modules = [importlib.import_module(".".join(("ombud", *path.with_suffix("").parts))) for path in paths]
    return tuple(sorted((module.DESCRIPTOR for module in modules), key=lambda file: str(file.name)))


@cache
def rpcs() -> tuple[Rpc, ...]:
    """Every RPC of `ombud.*.v1`, by path."""
    return tuple(
        Rpc(descriptor, methods_of(service.full_name)[f"/{service.full_name}/{descriptor.name}"])
        for file in files()
        for service in file.services_by_name.values()
        for descriptor in service.methods
    )


@cache
def messages() -> tuple[Descriptor, ...]:
    """Every message of `ombud.*.v1`, nested ones and the entries of maps included."""

    def nested(message: Descriptor) -> Iterator[Descriptor]:
        yield message
        for inner in message.nested_types:
            yield from nested(inner)

    return tuple(found for file in files() for top in file.message_types_by_name.values() for found in nested(top))


def reachable(roots: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """The messages of Ombud that occur in the given ones, at any depth, by full name; the given ones included."""
    found: dict[str, Descriptor] = {}
    waiting = list(roots)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or not message.full_name.startswith("ombud."):
            continue
        found[message.full_name] = message
        waiting.extend(field.message_type for field in message.fields if field.message_type is not None)
    return found


def in_requests() -> dict[str, Descriptor]:
    """What callers can send."""
    return reachable(rpc.descriptor.input_type for rpc in rpcs())


def in_responses() -> dict[str, Descriptor]:
    """What callers can get."""
    return reachable(rpc.descriptor.output_type for rpc in rpcs())


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The validation rules of a field: of its items if it is repeated, of keys or values in the entry of a map."""
    message = field.containing_type
    if message is not None and message.containing_type is not None and message.GetOptions().map_entry:
        (of_map,) = (each for each in message.containing_type.fields if each.message_type is message)
        rule = _rules(of_map).map
        return rule.keys if field.name == "key" else rule.values
    return _rules(field).repeated.items if field.is_repeated else _rules(field)


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    found: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    return found
