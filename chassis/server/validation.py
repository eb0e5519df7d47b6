"""Field rules of the contract (protovalidate), as refusals."""

from collections.abc import Iterator
from functools import cache

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.refusal import ErrorReason, FieldViolation, Refusal

_validator = protovalidate.Validator()

# The years 1 to 9999 and ten thousand years: what google.protobuf says that its times hold.
_INSTANTS = range(-62_135_596_800, 253_402_300_800)
_SPAN = 315_576_000_000
_NANOS = 1_000_000_000
_TIMES = {"google.protobuf.Timestamp", "google.protobuf.Duration"}


def check(message: Message) -> None:
    """Returns if every field keeps its rule, and every time is one.

    Raises:
        Refusal: INVALID_FIELD, with each field that does not. Values are not repeated.
    """
    if _leading_to_times(message.DESCRIPTOR) and (found := tuple(_bad_times(message, ""))):
        raise _refused(found)
    if violations := _validator.collect_violations(message):
        raise _refused(tuple(FieldViolation(_path(violation), violation.proto.message) for violation in violations))


def _refused(found: tuple[FieldViolation, ...]) -> Refusal:
    refusal = Refusal(
        ErrorReason.ERROR_REASON_INVALID_FIELD,
        f"{len(found)} field(s) break their rule, first {found[0].path}: {found[0].description}",
        satisfy="fields within the rules that the contract states",
        field=found[0].path,
    )
    refusal.violations = found
    return refusal


def _bad_times(message: Message, prefix: str) -> Iterator[FieldViolation]:
    """The timestamps and durations, at any depth, that no clock can show."""
    for field in _leading_to_times(message.DESCRIPTOR):
        value = getattr(message, field.name)
        if field.is_repeated:
            inner = [(f"{prefix}{field.name}[{index}]", item) for index, item in enumerate(value)]
        else:
            inner = [(f"{prefix}{field.name}", value)] if message.HasField(field.name) else []
        for path, item in inner:
            if item.DESCRIPTOR.full_name not in _TIMES:
                yield from _bad_times(item, f"{path}.")
            elif not _is_time(item):
                yield FieldViolation(
                    path, "must be a time within the years 1 to 9999, or a span of at most 10,000 years"
                )


def _is_time(time: Message) -> bool:
    seconds: int = time.seconds  # type: ignore[attr-defined]  # both kinds have it
    nanos: int = time.nanos  # type: ignore[attr-defined]  # both kinds have it
    if time.DESCRIPTOR.name == "Timestamp":
        return seconds in _INSTANTS and 0 <= nanos < _NANOS
    return abs(seconds) <= _SPAN and abs(nanos) < _NANOS and seconds * nanos >= 0


@cache
def _leading_to_times(message: Descriptor) -> tuple[FieldDescriptor, ...]:
    """The fields that are times or hold some."""
    return tuple(
        field
        for field in message.fields
        if field.message_type is not None
        and (field.message_type.full_name in _TIMES or _leading_to_times(field.message_type))
        and not field.message_type.GetOptions().map_entry
    )


def _path(violation: protovalidate.Violation) -> str:
    parts: list[str] = []
    field = violation.proto.field
    for element in field.elements if field else ():
        subscript = element.subscript
        # A map's key may be what a person wrote; an index is only a number.
        index = f"[{subscript.value}]" if subscript is not None and subscript.field == "index" else ""
        parts.append(f"{element.field_name}{index}")
    return ".".join(parts) or "(message)"
