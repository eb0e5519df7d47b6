"""Queries of letters and languages."""

from datetime import datetime

from sqlmodel import Session, col, select, tuple_

from chassis.db import Unit
from chassis.ids import new_id
from services.credit.notices.domain import DueLetter, Language, LetterKind
from services.credit.notices.models import LanguageRow, LetterRow
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import Sanction
from services.credit.subjects import Subject

_MOST = 100


def write(
    unit: Unit, kind: LetterKind, sanction: Sanction, *, text: str = "", not_before: datetime | None = None
) -> None:
    """Puts a letter about a sanction in the post; it commits with the act that it tells of.

    Args:
        unit: The unit of work of the act.
        kind: The occasion.
        sanction: What it is about.
        text: What a person wrote for it.
        not_before: The first instant at which it may be sent. None: now.
    """
    unit.session.add(
        LetterRow(
            letter_id=new_id(),
            kind=kind,
            sanction_id=sanction.sanction_id,
            text=text,
            not_before=not_before or unit.now,
            traceparent=unit.call.trace.parent,
        )
    )
    unit.session.flush()


def due(session: Session, at: datetime, *, after: DueLetter | None = None) -> list[DueLetter]:
    """Letters that may be sent and were not, the longest due first, at most 100.

    Args:
        session: Where to look.
        at: The instant.
        after: The letter after which to go on.
    """
    order = tuple_(col(LetterRow.not_before), col(LetterRow.letter_id))
    query = (
        select(LetterRow)
        .where(col(LetterRow.sent_at).is_(None), LetterRow.not_before <= at)
        .order_by(col(LetterRow.not_before), col(LetterRow.letter_id))
        .limit(_MOST)
    )
    if after:
        query = query.where(order > (after.not_before, after.letter_id))
    return [
        DueLetter(
            letter_id=row.letter_id,
            kind=LetterKind(row.kind),
            sanction=sanctions.get(session, row.sanction_id),
            text=row.text,
            not_before=row.not_before,
            traceparent=row.traceparent,
        )
        for row in session.exec(query).all()
    ]


def mark_sent(session: Session, letter_id: str, *, at: datetime) -> None:
    """Stores that a letter was sent."""
    session.get_one(LetterRow, letter_id).sent_at = at
    session.flush()


def sent_at(session: Session, kind: LetterKind, sanction_id: str) -> datetime | None:
    """When the letter of a kind about a sanction was sent; None if there is none or it waits."""
    query = select(LetterRow.sent_at).where(LetterRow.sanction_id == sanction_id, LetterRow.kind == kind)
    return session.exec(query.limit(1)).first()


def language_of(session: Session, subject: Subject) -> Language:
    """The language that a subject chose; English if it chose none."""
    row = session.get(LanguageRow, (subject.kind, subject.id))
    return Language(row.language) if row else Language.ENGLISH


def choose_language(session: Session, subject: Subject, language: Language) -> None:
    """Stores the language of a subject."""
    session.merge(LanguageRow(subject_kind=subject.kind, subject_id=subject.id, language=language))
    session.flush()
