"""Field rules of the contract (protovalidate), as refusals."""

import protovalidate
from google.protobuf.message import Message

from chassis.refusal import ErrorReason, FieldViolation, Refusal

_validator = protovalidate.Validator()


def check(message: Message) -> None:
    """Returns if every field keeps its rule.

    Raises:
        Refusal: INVALID_FIELD, with each field that does not. Values are not repeated.
    """
    if violations := _validator.collect_violations(message):
        found = tuple(FieldViolation(_path(violation), violation.proto.message) for violation in violations)
        refusal = Refusal(
            ErrorReason.ERROR_REASON_INVALID_FIELD,
            f"{len(found)} field(s) break their rule, first {found[0].path}: {found[0].description}",
            satisfy="fields within the rules that the contract states",
            field=found[0].path,
        )
        refusal.violations = found
        raise refusal


def _path(violation: protovalidate.Violation) -> str:
    parts: list[str] = []
    field = violation.proto.field
    for element in field.elements if field else ():
        subscript = element.subscript
        # A map's key may be what a person wrote; an index is only a number.
        index = f"[{subscript.value}]" if subscript is not None and subscript.field == "index" else ""
        parts.append(f"{element.field_name}{index}")
    return ".".join(parts) or "(message)"
