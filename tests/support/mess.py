"""Requests as nobody should send them, made from the descriptors: well formed on the wire, and otherwise anything."""

from collections.abc import Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.ids import new_id
from tests.support.contract import rules

# How often an RPC is sent a handful of them; `--fuzz` says otherwise.
EXAMPLES = 4

_NUMBERS = (0, 1, -1, 2, 7, 60, 99, 500, 2**31 - 1, -(2**31))
_LARGE = (2**63 - 1, -(2**63), 1_772_442_000_000_000)
_TEXTS = (
    "",
    " ",
    "x",
    "x" * 65,
    "0",
    "123456789",
    "terms",
    "chat-1",
    "\x00",
    "\N{RIGHT-TO-LEFT OVERRIDE}",
    "\N{ZERO WIDTH JOINER}" * 3,
    "'; DROP TABLE account; --",
    "%s%n{0}",
    "\N{FULLWIDTH DIGIT ONE}" * 9,
    "a\N{COMBINING ACUTE ACCENT}" * 400,
    "+12025550143",
    "../../etc/passwd",
)
_SECONDS = (0, -1, 1, 1_772_442_000, 1_800_000_000, 253_402_300_799, -62_135_596_800, 2**63 - 1, -(2**63))
_NANOS = (0, 1, 999_999_999, -1, 2**31 - 1)


def messy(kind: type[Message], random: Random, ids: list[str]) -> Any:
    """A request with anything in its fields; where an id belongs, mostly one that exists."""
    message = kind()
    _fill(message, random, ids, depth=0)
    return message


def altered(example: Message, random: Random, ids: list[str]) -> Any:
    """A good request with a mess in one place, at any depth, and a key of its own."""
    message: Any = type(example)()
    message.CopyFrom(example)
    inner: Any = message
    while True:
        chosen = random.choice(inner.DESCRIPTOR.fields) if inner.DESCRIPTOR.fields else None
        if chosen is None or chosen.message_type is None or chosen.is_repeated or random.random() < 0.3:
            break
        inner = getattr(inner, chosen.name)
    if chosen is not None:
        inner.ClearField(chosen.name)
        _set(inner, chosen, random, ids, depth=1)
    if "request_id" in message.DESCRIPTOR.fields_by_name and random.random() < 0.95:
        message.request_id = new_id()
    return message


def _fill(message: Any, random: Random, ids: list[str], *, depth: int) -> None:
    descriptor: Descriptor = message.DESCRIPTOR
    for field in descriptor.fields:
        if random.random() < (0.8 if depth < 4 else 0.1):
            _set(message, field, random, ids, depth=depth)


def _set(message: Any, field: FieldDescriptor, random: Random, ids: list[str], *, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(message, field.name)[random.choice(_TEXTS)] = random.choice(_TEXTS)
    elif field.is_repeated:
        for _ in range(random.choice((0, 1, 1, 2, 3, 30))):
            if field.message_type is not None:
                _fill(getattr(message, field.name).add(), random, ids, depth=depth + 1)
            else:
                getattr(message, field.name).append(_scalar(field, random, ids))
    elif field.message_type is not None:
        inner = getattr(message, field.name)
        inner.SetInParent()
        _fill(inner, random, ids, depth=depth + 1)
    else:
        setattr(message, field.name, _scalar(field, random, ids))


def _scalar(field: FieldDescriptor, random: Random, ids: list[str]) -> Any:
    return random.choice(_choices(field, random, ids))


def _choices(field: FieldDescriptor, random: Random, ids: list[str]) -> Sequence[Any]:
    choices: Sequence[Any] = _NANOS if field.name == "nanos" else _NUMBERS
    if field.enum_type is not None:
        choices = [*(value.number for value in field.enum_type.values), 99, -1]
    elif field.type == FieldDescriptor.TYPE_STRING:
        some_id = random.choice(ids)
        choices = (some_id, some_id, new_id(), random.choice(_TEXTS)) if rules(field).string.uuid else _TEXTS
    elif field.type == FieldDescriptor.TYPE_BYTES:
        choices = (b"", b"\xff\x00", random.randbytes(32), random.randbytes(1001))
    elif field.type == FieldDescriptor.TYPE_BOOL:
        choices = (True, True, False)
    elif field.type == FieldDescriptor.TYPE_INT64:
        choices = _SECONDS if field.name == "seconds" else _NUMBERS + _LARGE
    elif field.type == FieldDescriptor.TYPE_UINT32:
        choices = (0, 1, 2, 2**32 - 1)
    return choices
