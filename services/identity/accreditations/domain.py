"""Accreditations: a mark binds an account and the name that it bore."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from services.identity.accounts.domain import Account, AccountKind, HolderKind, Level


class AccreditationState(StrEnum):
    """Where an accreditation stands."""

    PENDING = "PENDING"
    GRANTED = "GRANTED"
    SUPERSEDED = "SUPERSEDED"


class MarkState(StrEnum):
    """What a mark is worth, at an instant."""

    NONE = "NONE"
    ACTIVE = "ACTIVE"
    STALE = "STALE"
    LAPSED = "LAPSED"


class Obstacle(StrEnum):
    """Why an account can not bear the mark."""

    ACCOUNT_NOT_PUBLIC = "ACCOUNT_NOT_PUBLIC"
    HOLDER_INDIVIDUAL = "HOLDER_INDIVIDUAL"
    NOT_VERIFIED = "NOT_VERIFIED"
    RENAMED = "RENAMED"


@dataclass(frozen=True)
class Accreditation:
    """An accreditation as a publisher, applied for or granted under one nickname."""

    accreditation_id: str
    account_id: str
    nickname: str
    state: AccreditationState
    apply_time: datetime
    grant_time: datetime | None = None


def apply(
    accreditation_id: str,
    account: Account,
    *,
    pending: Accreditation | None,
    granted: Accreditation | None,
    at: datetime,
) -> Accreditation:
    """An application under the account's present nickname.

    Args:
        accreditation_id: Its id.
        account: The account.
        pending: The application that is open already.
        granted: The accreditation that was granted already.
        at: The instant.

    Raises:
        Refusal: NOT_ACCREDITABLE; ACCREDITATION_EXISTS, if there is one under the same nickname.
    """
    _check(account, nickname=account.nickname, at=at)
    for existing in (pending, granted):
        if existing and existing.nickname == account.nickname:
            raise Refusal(
                ErrorReason.ERROR_REASON_ACCREDITATION_EXISTS,
                "the account has this accreditation, or has applied for it",
                satisfy="an application after a change of nickname",
                accreditation_id=existing.accreditation_id,
                state=existing.state,
            )
    return Accreditation(accreditation_id, account.account_id, account.nickname, AccreditationState.PENDING, at)


def grant(accreditation: Accreditation, account: Account, *, registrar_account_id: str, at: datetime) -> Accreditation:
    """The accreditation, granted.

    Raises:
        Refusal: OWN_ACCOUNT, WRONG_STATE, NOT_ACCREDITABLE.
    """
    if registrar_account_id == account.account_id:
        raise Refusal(
            ErrorReason.ERROR_REASON_OWN_ACCOUNT,
            "a person can not decide on an own account",
            satisfy="another person who holds the role",
            account_id=account.account_id,
        )
    if accreditation.state is not AccreditationState.PENDING:
        raise Refusal.wrong_state("accreditation", state=accreditation.state, needs=AccreditationState.PENDING)
    _check(account, nickname=accreditation.nickname, at=at)
    return replace(accreditation, state=AccreditationState.GRANTED, grant_time=at)


def supersede(accreditation: Accreditation) -> Accreditation:
    """The accreditation when a later one takes its place."""
    return replace(accreditation, state=AccreditationState.SUPERSEDED)


def mark_of(granted: Accreditation | None, account: Account | None, *, at: datetime) -> MarkState:
    """What the mark of an account is worth: it vouches for one name, while the holder is verified."""
    if granted is None or account is None:
        return MarkState.NONE
    if account.nickname != granted.nickname:
        return MarkState.STALE
    if account.level_at(at) < Level.L2:
        return MarkState.LAPSED
    return MarkState.ACTIVE


def _check(account: Account, *, nickname: str, at: datetime) -> None:
    obstacles = {
        Obstacle.ACCOUNT_NOT_PUBLIC: account.kind is not AccountKind.PUBLIC,
        Obstacle.HOLDER_INDIVIDUAL: account.holder_kind is HolderKind.INDIVIDUAL,
        Obstacle.NOT_VERIFIED: account.level_at(at) < Level.L2,
        Obstacle.RENAMED: account.nickname != nickname,
    }
    cause = next((obstacle for obstacle, applies in obstacles.items() if applies), None)
    if cause:
        raise Refusal(
            ErrorReason.ERROR_REASON_NOT_ACCREDITABLE,
            "the account can not bear the mark",
            satisfy="a public account of an organisation or company, verified at L2, under the name applied for",
            cause=cause,
        )
