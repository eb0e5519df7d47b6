"""The tables of agreements and signatures."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String, Text
from sqlmodel import Field

from chassis.db.types import Instant
from services.identity.tables import IdentityTable


class AgreementRow(IdentityTable, table=True):
    """One version of an agreement; only ever inserted."""

    __tablename__: ClassVar[str] = "agreement"
    __table_args__ = (CheckConstraint("version >= 1", name="version"),)

    name: str = Field(primary_key=True, sa_type=String(64))
    version: int = Field(primary_key=True)
    terms: str = Field(sa_type=Text)
    terms_sha256: str = Field(sa_type=String(64))
    effective_time: datetime = Field(sa_type=Instant)
    publish_time: datetime = Field(sa_type=Instant)


class SignatureRow(IdentityTable, table=True):
    """A signature; only ever inserted."""

    __tablename__: ClassVar[str] = "signature"
    __table_args__ = (
        ForeignKeyConstraint(
            ["agreement_name", "version"], ["agreement.name", "agreement.version"], name="fk_signature_agreement"
        ),
    )

    account_id: str = Field(primary_key=True, sa_type=String(36), foreign_key="account.account_id")
    agreement_name: str = Field(primary_key=True, sa_type=String(64))
    version: int = Field(primary_key=True)
    terms_sha256: str = Field(sa_type=String(64))
    sign_time: datetime = Field(sa_type=Instant)
