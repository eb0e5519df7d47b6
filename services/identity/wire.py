"""Between the contract's messages and the domain's values."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis import instants
from chassis.enums import number
from ombud.identity.v1 import account_service_pb2 as pb
from services.identity.accounts.domain import Account


def timestamp(at: datetime | None) -> Timestamp | None:
    """The instant as a message; None stays None."""
    return None if at is None else instants.timestamp(at)


def account_message(account: Account, *, at: datetime) -> pb.Account:
    """The account as it stands at that instant."""
    assurance = account.assurance_at(at)
    return pb.Account(
        account_id=account.account_id,
        kind=number(pb.AccountKind, account.kind),
        holder_kind=number(pb.HolderKind, account.holder_kind),
        nickname=account.nickname,
        level=number(pb.Level, account.level_at(at)),
        method=number(pb.VerificationMethod, assurance.method if assurance else None),
        basis=number(pb.AssuranceBasis, assurance.basis if assurance else None),
        verified_until=timestamp(assurance.until if assurance else None),
        state=number(pb.AccountState, account.state_at(at)),
        legacy=account.legacy,
        grace_end_time=timestamp(account.grace_end_time),
        create_time=timestamp(account.create_time),
        nickname_time=timestamp(account.nickname_time),
    )
