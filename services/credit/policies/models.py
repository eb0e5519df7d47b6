"""The table of published policy packs. Rows are added; no code changes or removes one."""

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlmodel import Field

from chassis.db.types import Instant
from services.credit.tables import CreditTable


class PolicyRow(CreditTable, table=True):
    """That a version of a pack was taken up, and from when it is in force here."""

    __tablename__ = "policy"
    __table_args__ = (UniqueConstraint("policy_id", "version", "published_at"), Index(None, "effective_at"))

    publication_id: str = Field(primary_key=True, sa_type=String(36))
    policy_id: str = Field(sa_type=String(64))
    version: str = Field(sa_type=String(64))
    content_hash: str = Field(sa_type=String(64))
    title: str = Field(sa_type=Text)
    effective_at: datetime = Field(sa_type=Instant)
    published_at: datetime = Field(sa_type=Instant)
    document: str = Field(sa_type=Text)
