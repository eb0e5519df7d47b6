"""The accreditation table."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, Index, String
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.identity.accounts.domain import NICKNAME_LONGEST
from services.identity.accreditations.domain import AccreditationState
from services.identity.tables import IdentityTable


class AccreditationRow(IdentityTable, table=True):
    """An accreditation."""

    __tablename__: ClassVar[str] = "accreditation"
    __table_args__ = (
        one_of("state", AccreditationState),
        CheckConstraint("state <> 'GRANTED' OR grant_time IS NOT NULL", name="granted_when"),
        Index("ix_accreditation_account_id", "account_id", "state"),
    )

    accreditation_id: str = Field(primary_key=True, sa_type=String(36))
    account_id: str = Field(sa_type=String(36), foreign_key="account.account_id")
    nickname: str = Field(max_length=NICKNAME_LONGEST)
    state: str
    apply_time: datetime = Field(sa_type=Instant)
    grant_time: datetime | None = Field(default=None, sa_type=Instant)
