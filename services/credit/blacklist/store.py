"""Queries of the blacklist."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from services.credit.blacklist.domain import BlacklistEntry
from services.credit.blacklist.models import BlacklistRow
from services.credit.standings import store as standings
from services.credit.subjects import Subject, SubjectKind


def add(session: Session, entry: BlacklistEntry) -> None:
    """Stores an entry."""
    session.add(
        BlacklistRow(
            entry_id=entry.entry_id,
            subject_kind=entry.subject.kind,
            subject_id=entry.subject.id,
            sanction_id=entry.sanction_id,
            start_at=entry.start,
            end_at=entry.end,
        )
    )
    session.flush()


def revoke(session: Session, sanction_ids: Iterable[str], *, at: datetime) -> list[str]:
    """Revokes the entries of some sanctions; returns their ids."""
    rows = session.exec(
        select(BlacklistRow)
        .where(col(BlacklistRow.sanction_id).in_(list(sanction_ids)), col(BlacklistRow.revoked_at).is_(None))
        .order_by(col(BlacklistRow.entry_id))
    ).all()
    for row in rows:
        row.revoked_at = at
        session.add(row)
    session.flush()
    return [row.entry_id for row in rows]


def of_subject(session: Session, subject: Subject) -> list[BlacklistEntry]:
    """The entries of a subject."""
    query = select(BlacklistRow).where(BlacklistRow.subject_kind == subject.kind, BlacklistRow.subject_id == subject.id)
    return _entries(session, session.exec(query).all())


def of_subjects(session: Session, subjects: Iterable[Subject]) -> dict[Subject, list[BlacklistEntry]]:
    """The entries of some subjects, by subject; who has none is left out."""
    wanted = set(subjects)
    query = select(BlacklistRow).where(col(BlacklistRow.subject_id).in_([subject.id for subject in wanted]))
    found: dict[Subject, list[BlacklistEntry]] = {}
    for entry in _entries(session, session.exec(query.order_by(col(BlacklistRow.entry_id))).all()):
        if entry.subject in wanted:
            found.setdefault(entry.subject, []).append(entry)
    return found


def of_sanctions(session: Session, sanction_ids: Iterable[str]) -> list[BlacklistEntry]:
    """The entries that some sanctions made."""
    query = select(BlacklistRow).where(col(BlacklistRow.sanction_id).in_(list(sanction_ids)))
    return _entries(session, session.exec(query.order_by(col(BlacklistRow.entry_id))).all())


def page(session: Session, *, after: str, size: int) -> list[BlacklistEntry]:
    """Entries after an entry id, oldest first, at most `size`."""
    query = select(BlacklistRow).where(col(BlacklistRow.entry_id) > after)
    return _entries(session, session.exec(query.order_by(col(BlacklistRow.entry_id)).limit(size)).all())


def _entries(session: Session, rows: Iterable[BlacklistRow]) -> list[BlacklistEntry]:
    found = list(rows)
    stays = standings.stays(session, [row.sanction_id for row in found])
    return [
        BlacklistEntry(
            entry_id=row.entry_id,
            subject=Subject(SubjectKind(row.subject_kind), row.subject_id),
            sanction_id=row.sanction_id,
            start=row.start_at,
            end=row.end_at,
            revoked_at=row.revoked_at,
            stay=stays.get(row.sanction_id),
        )
        for row in found
    ]
