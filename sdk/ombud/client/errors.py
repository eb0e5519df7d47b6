"""Refusals as the server means them: a reason, the facts, and what would have been accepted."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple, Self

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc.aio import AioRpcError

from ombud.common.v1 import access_pb2
from ombud.common.v1.error_reason_pb2 import ErrorReason

DOMAIN = "ombud"
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS_KEY = "grpc-status-details-bin"


class Violation(NamedTuple):
    """A field of the request that broke its rule.

    Attributes:
        field: Path of the field in the request, such as `account.nickname`.
        description: What the rule is.
    """

    field: str
    description: str


class OmbudError(AioRpcError):
    """A call that failed, read from its google.rpc.Status (AIP-193).

    It is a `grpc.aio.AioRpcError`, so `code()`, `details()` and code that already catches those work.

    Attributes:
        reason: Name of the ErrorReason without its prefix, such as `END_DATE_REQUIRED`. Empty when the
            call never reached Ombud, or ran out of time on this side: then `code()` alone speaks.
        message: What was wrong, in developer's English.
        satisfy: What would have been accepted; empty where nothing would.
        facts: Deciding facts by name: ids, numbers, enum names.
        violations: The fields that broke their rules.
        retry_after: How long to wait before the next try, where the server said so.
    """

    reason: str = ""
    satisfy: str = ""
    facts: Mapping[str, str] = MappingProxyType({})
    violations: tuple[Violation, ...] = ()
    retry_after: timedelta | None = None

    @classmethod
    def read(cls, error: AioRpcError) -> Self:
        """Reads the details that came with a failed call.

        Args:
            error: The failure as grpc.aio raises it.

        Returns:
            The same failure with its reason and facts.
        """
        read = cls(
            error.code(),
            error.initial_metadata(),
            error.trailing_metadata(),
            error.details(),
            error.debug_error_string(),
        )
        for detail in _details(error):
            if isinstance(detail, error_details_pb2.ErrorInfo) and detail.domain == DOMAIN:
                facts = dict(detail.metadata)
                read.reason = detail.reason
                read.satisfy = facts.pop("satisfy", "")
                read.facts = facts
            elif isinstance(detail, error_details_pb2.BadRequest):
                read.violations = tuple(Violation(item.field, item.description) for item in detail.field_violations)
            elif isinstance(detail, error_details_pb2.RetryInfo):
                read.retry_after = detail.retry_delay.ToTimedelta()
        return read

    @classmethod
    def of(
        cls, reason: ErrorReason.ValueType, message: str, *, satisfy: str = "", facts: Mapping[str, str] | None = None
    ) -> Self:
        """Makes the failure that a message of a stream tells of, as if the call had ended with it.

        Args:
            reason: The reason; one that this version does not know keeps its number as its name.
            message: What was wrong.
            satisfy: What would have been accepted.
            facts: Deciding facts by name.

        Returns:
            The failure, with the status code that the reason comes with.
        """
        value = ErrorReason.DESCRIPTOR.values_by_number.get(reason)
        code = value.GetOptions().Extensions[access_pb2.code] if value else code_pb2.UNKNOWN
        told = cls(_CODES[code], details=message)
        told.reason = value.name.removeprefix("ERROR_REASON_") if value else str(reason)
        told.satisfy = satisfy
        told.facts = dict(facts or {})
        return told

    @property
    def message(self) -> str:
        """What was wrong, in developer's English."""
        return self.details() or ""

    def __str__(self) -> str:
        text = f"{self.reason or self.code().name}: {self.message}"
        for violation in self.violations:
            text += f"; {violation.field}: {violation.description}"
        return f"{text}; {self.satisfy}" if self.satisfy else text

    def __repr__(self) -> str:
        return f"OmbudError({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code(),), vars(self)


def _details(error: AioRpcError) -> list[Message]:
    """The known details of a failure; one that cannot be read is left out, as the code still tells."""
    known = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
    packed = (
        value for key, value in error.trailing_metadata() or () if key == _DETAILS_KEY and isinstance(value, bytes)
    )
    try:
        details = [detail for value in packed for detail in status_pb2.Status.FromString(value).details]
        return [kind.FromString(detail.value) for detail in details for kind in known if detail.Is(kind.DESCRIPTOR)]
    except DecodeError:
        return []
