"""Tables of letters and of the languages that they are written in."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text
from sqlmodel import Field

from chassis.db.types import Instant, one_of
from services.credit.notices.domain import Language, LetterKind
from services.credit.subjects import SubjectKind
from services.credit.tables import CreditTable


class LetterRow(CreditTable, table=True):
    """A letter about a sanction: made with the act that it tells of, never sent before its instant."""

    __tablename__ = "letter"
    __table_args__ = (
        ForeignKeyConstraint(["sanction_id"], ["sanction.sanction_id"]),
        one_of("kind", LetterKind),
        CheckConstraint("sent_at >= not_before", name="not_before"),
        Index(None, "sent_at", "not_before"),
        Index(None, "sanction_id", "kind"),
    )

    letter_id: str = Field(primary_key=True, sa_type=String(36))
    kind: str = Field(sa_type=String(32))
    sanction_id: str = Field(sa_type=String(36))
    text: str = Field(sa_type=Text)
    not_before: datetime = Field(sa_type=Instant)
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    traceparent: str = Field(sa_type=String(55))


class LanguageRow(CreditTable, table=True):
    """The language that an account or the owner of a group chose."""

    __tablename__ = "notice_language"
    __table_args__ = (one_of("subject_kind", SubjectKind), one_of("language", Language))

    subject_kind: str = Field(primary_key=True, sa_type=String(16))
    subject_id: str = Field(primary_key=True, sa_type=String(36))
    language: str = Field(sa_type=String(8))
