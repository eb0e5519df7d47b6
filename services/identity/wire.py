"""Between the contract's messages and the domain's values."""

from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import instants
from chassis.refusal import Refusal
from ombud.identity.v1 import account_service_pb2 as pb
from services.identity.accounts.domain import Account

E = TypeVar("E", bound=StrEnum)


class EnumType(Protocol):
    """An enum of the contract, as the generated modules have it."""

    def Name(self, number: Any) -> str:  # noqa: ANN401 - the enum's own value type
        """The name of a value."""
        ...

    def __hash__(self) -> int: ...

    def Value(self, name: str) -> Any:  # noqa: ANN401 - the enum's own value type
        """The value of a name."""
        ...


def timestamp(at: datetime | None) -> Timestamp | None:
    """The instant as a message; None stays None."""
    return None if at is None else instants.timestamp(at)


def instant(message: Timestamp, *, field: str) -> datetime:
    """The message as an aware instant.

    Raises:
        Refusal: INVALID_FIELD, if it is none between the years 1 and 9999.
    """
    try:
        return message.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise Refusal.field(field, "not an instant", satisfy="a google.protobuf.Timestamp in range") from None


@cache
def to_enum(kind: EnumType, value: StrEnum | None) -> Any:  # noqa: ANN401 - the enum's own value type
    """The contract's value of that name; none is its UNSPECIFIED."""
    return 0 if value is None else kind.Value(_prefix(kind) + value)


@cache
def from_enum(kind: EnumType, number: int, domain_enum: type[E]) -> E:
    """The domain's value of that number's name; the number is defined and not UNSPECIFIED."""
    return domain_enum(kind.Name(number).removeprefix(_prefix(kind)))


def _prefix(kind: EnumType) -> str:
    return kind.Name(0).removesuffix("UNSPECIFIED")


def account_message(account: Account, *, at: datetime) -> pb.Account:
    """The account as it stands at that instant."""
    assurance = account.assurance_at(at)
    return pb.Account(
        account_id=account.account_id,
        kind=to_enum(pb.AccountKind, account.kind),
        holder_kind=to_enum(pb.HolderKind, account.holder_kind),
        nickname=account.nickname,
        level=to_enum(pb.Level, account.level_at(at)),
        method=to_enum(pb.VerificationMethod, assurance.method if assurance else None),
        basis=to_enum(pb.AssuranceBasis, assurance.basis if assurance else None),
        verified_until=timestamp(assurance.until if assurance else None),
        state=to_enum(pb.AccountState, account.state_at(at)),
        legacy=account.legacy,
        grace_end_time=timestamp(account.grace_end_time),
        create_time=timestamp(account.create_time),
        nickname_time=timestamp(account.nickname_time),
    )
