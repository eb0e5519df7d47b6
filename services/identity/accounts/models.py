"""The account table."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, String
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.identity.accounts.domain import NICKNAME_LONGEST, AccountKind, Basis, HolderKind, Level, Method
from services.identity.tables import IdentityTable


class AccountRow(IdentityTable, table=True):
    """An account. Holds nothing about its holder but the level."""

    __tablename__: ClassVar[str] = "account"
    __table_args__ = (
        one_of("kind", AccountKind),
        one_of("holder_kind", HolderKind),
        one_of("level", Level),
        one_of("method", Method),
        one_of("basis", Basis),
        CheckConstraint("kind <> 'PERSONAL' OR holder_kind = 'INDIVIDUAL'", name="personal_holder"),
        CheckConstraint(
            "(level = 'L0') = (method IS NULL) AND (level = 'L0') = (basis IS NULL)"
            " AND (level = 'L0') = (verified_until IS NULL)",
            name="assurance_whole",
        ),
    )

    account_id: str = Field(primary_key=True, sa_type=String(36))
    kind: str
    holder_kind: str
    nickname: str = Field(max_length=NICKNAME_LONGEST)
    nickname_time: datetime = Field(sa_type=Instant)
    create_time: datetime = Field(sa_type=Instant)
    grace_end_time: datetime | None = Field(default=None, sa_type=Instant)
    level: str = Level.L0
    method: str | None = None
    basis: str | None = None
    verified_until: datetime | None = Field(default=None, sa_type=Instant)
