"""Agreements: versions that never change, and what may be signed."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.refusal import ErrorReason, Refusal

_LEAST_STEP = timedelta(microseconds=1)
# Nothing could follow on a version that waits for ever.
MOST_AHEAD = timedelta(days=3650)


@dataclass(frozen=True)
class Agreement:
    """One version of an agreement. `terms_sha256` is the hash of its wording in UTF-8, hexadecimal."""

    name: str
    version: int
    terms: str
    terms_sha256: str
    effective_time: datetime
    publish_time: datetime


@dataclass(frozen=True)
class Signature:
    """An account's signature under one version."""

    account_id: str
    agreement_name: str
    version: int
    terms_sha256: str
    sign_time: datetime


def publish(
    name: str, terms: str, *, newest: Agreement | None, effective_time: datetime | None, at: datetime
) -> Agreement:
    """The next version of an agreement.

    Args:
        name: Which agreement.
        terms: Its wording.
        newest: The newest version published so far.
        effective_time: From when it is in force; None: from now.
        at: The instant.

    Raises:
        Refusal: EFFECTIVE_TIME_REFUSED, if that is past, not later than that of the newest version, or more than ten
            years ahead.
    """
    earliest = max(at, newest.effective_time + _LEAST_STEP) if newest else at
    effective = at if effective_time is None else effective_time
    latest = at + MOST_AHEAD
    if not earliest <= effective <= latest:
        raise Refusal.field(
            "effective_time",
            "the version would come into force in the past, before the one it follows, or in more than ten years",
            satisfy=f"{_text(earliest)} to {_text(latest)}",
            reason=ErrorReason.ERROR_REASON_EFFECTIVE_TIME_REFUSED,
            earliest=_text(earliest),
            latest=_text(latest),
        )
    return Agreement(
        name=name,
        version=newest.version + 1 if newest else 1,
        terms=terms,
        terms_sha256=hashlib.sha256(terms.encode()).hexdigest(),
        effective_time=effective,
        publish_time=at,
    )


def sign(account_id: str, agreement: Agreement, *, current: Agreement | None, at: datetime) -> Signature:
    """A signature under the version in force, or under one that is published but not yet in force.

    Raises:
        Refusal: AGREEMENT_OUT_OF_FORCE, if a later version is in force.
    """
    if current and agreement.version < current.version:
        raise Refusal(
            ErrorReason.ERROR_REASON_AGREEMENT_OUT_OF_FORCE,
            "a later version of the agreement is in force",
            satisfy="a signature under the version in force",
            version=agreement.version,
            current_version=current.version,
        )
    return Signature(account_id, agreement.name, agreement.version, agreement.terms_sha256, at)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
