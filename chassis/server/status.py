"""Refusals as gRPC statuses (AIP-193), and nothing else as a client sees it."""

import logging
import traceback

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from ombud.common.v1.access_pb2 import code as code_option

DOMAIN = "ombud"
DETAILS_KEY = "grpc-status-details-bin"
_PUSHBACK_KEY = "grpc-retry-pushback-ms"
_LONGEST_PUSHBACK = 2.0
_LEAST_FOR_A_TRY = 1.0

_log = logging.getLogger("ombud.server")

_CODES = {
    value.number: grpc.StatusCode[code_pb2.Code.Name(value.GetOptions().Extensions[code_option])]
    for value in ErrorReason.DESCRIPTOR.values
    if value.number
}


def code_of(refusal: Refusal) -> grpc.StatusCode:
    """The gRPC status that the contract gives the refusal's reason."""
    return _CODES[refusal.reason]


def reason_name(refusal: Refusal) -> str:
    """The reason as clients see it, without the enum's prefix: `END_DATE_REQUIRED`."""
    return ErrorReason.Name(refusal.reason).removeprefix("ERROR_REASON_")


def details_of(refusal: Refusal) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata: a google.rpc.Status with ErrorInfo, and BadRequest and RetryInfo where they apply."""
    status = status_pb2.Status(code=code_of(refusal).value[0], message=refusal.message)
    details: list[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo] = [
        error_details_pb2.ErrorInfo(
            reason=reason_name(refusal), domain=DOMAIN, metadata={**refusal.facts, "satisfy": refusal.satisfy}
        )
    ]
    if refusal.violations:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=violation.path, description=violation.description)
            for violation in refusal.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if refusal.retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(refusal.retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return ((DETAILS_KEY, status.SerializeToString()),)


def pushback(refusal: Refusal, left: float | None, *, taken: float = 0.0) -> tuple[tuple[str, str], ...]:
    """Trailing metadata by which gRPC's own clients know when to try again: RetryInfo, in their words.

    Args:
        refusal: Why the call is refused.
        left: Seconds until the caller stops waiting; None if it never does.
        taken: Seconds that this try has taken, which another may take, too.

    Returns:
        Milliseconds; a negative number, which is not to try again, if the time to come back is none that a caller
        would wait for, or if too little time is left for another try: the caller has this reason then, and not that its
        deadline passed. Nothing if the caller did not come at the wrong time.
    """
    if code_of(refusal) is grpc.StatusCode.UNAVAILABLE:
        hasty = left is not None and left < max(taken, _LEAST_FOR_A_TRY)
        return ((_PUSHBACK_KEY, "-1"),) if hasty else ()
    if code_of(refusal) is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ()
    delay = refusal.retry_after.total_seconds() if refusal.retry_after else None
    patience = _LONGEST_PUSHBACK if left is None else min(left, _LONGEST_PUSHBACK)
    return ((_PUSHBACK_KEY, str(int(delay * 1000)) if delay is not None and delay < patience else "-1"),)


def incident(error: BaseException, method: str) -> Refusal:
    """Turns an unexpected exception into a refusal that tells the client nothing but an id.

    The server's log gets the id, the exception's class and where it came from; not its text, which may repeat
    what a person wrote.
    """
    number = new_id()
    frames = " <- ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
    _log.error("incident %s in %s: %s at %s", number, method, type(error).__name__, frames)
    return Refusal(
        ErrorReason.ERROR_REASON_INTERNAL,
        "the server failed",
        satisfy="the same call later; if it fails again, give the operator the incident's id",
        incident=number,
    )
