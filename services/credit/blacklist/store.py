"""Queries of the blacklist."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import select as sa_select
from sqlmodel import Session, col, func, select

from chassis.db.tables import Change, FeedHead
from services.credit.blacklist.domain import BlacklistEntry
from services.credit.blacklist.models import AdmittedListingRow, BlacklistRow
from services.credit.standings import store as standings
from services.credit.subjects import Subject, SubjectKind
from services.credit.tables import asked_for, of_asked

_AT_ONCE = 10_000
_OF_SUBJECTS = sa_select(BlacklistRow).where(of_asked(BlacklistRow)).order_by(col(BlacklistRow.entry_id))


def add(session: Session, entry: BlacklistEntry) -> None:
    """Stores an entry that was made here."""
    assert entry.subject is not None  # noqa: S101 - its sanction names it
    session.add(
        BlacklistRow(
            entry_id=entry.entry_id,
            subject_kind=entry.subject.kind,
            subject_id=entry.subject.id,
            sanction_id=entry.sanction_id,
            start_at=entry.start,
            end_at=entry.end,
            register_again_at=entry.register_again,
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


def find(session: Session, entry_id: str) -> BlacklistEntry | None:
    """The entry by its id; None if there is none."""
    row = session.get(BlacklistRow, entry_id)
    return _entries(session, [row])[0] if row else None


def of_subjects(session: Session, subjects: Iterable[Subject]) -> dict[Subject, list[BlacklistEntry]]:
    """The entries of some subjects, by subject; who has none is left out."""
    rows = [row for asked in asked_for(set(subjects)) for row in session.scalars(_OF_SUBJECTS, asked)]
    found: dict[Subject, list[BlacklistEntry]] = {}
    for entry in _entries(session, rows):
        if entry.subject:
            found.setdefault(entry.subject, []).append(entry)
    return found


def of_sanctions(session: Session, sanction_ids: Iterable[str]) -> list[BlacklistEntry]:
    """The entries that some sanctions made."""
    query = select(BlacklistRow).where(col(BlacklistRow.sanction_id).in_(list(sanction_ids)))
    return _entries(session, session.exec(query.order_by(col(BlacklistRow.entry_id))).all())


def page(session: Session, *, after: str, size: int, until: datetime | None = None) -> list[BlacklistEntry]:
    """Entries after an entry id, oldest first, at most `size`; with `until` only those that are over after it."""
    query = select(BlacklistRow).where(col(BlacklistRow.entry_id) > after)
    if until is not None:
        query = query.where(func.coalesce(col(BlacklistRow.register_again_at), col(BlacklistRow.end_at)) > until)
    return _entries(session, session.exec(query.order_by(col(BlacklistRow.entry_id)).limit(size)).all())


def listed_subjects(session: Session) -> Iterator[Subject]:
    """Whom the entries list that were made here and not revoked."""
    query = select(BlacklistRow.subject_kind, BlacklistRow.subject_id).where(col(BlacklistRow.revoked_at).is_(None))
    for kind, subject_id in session.exec(query.execution_options(yield_per=_AT_ONCE)):
        yield Subject(SubjectKind(kind), subject_id)


def admitted_digests(session: Session) -> Iterator[str]:
    """Digests of whom the admitted entries list that are not revoked, ascending."""
    query = select(AdmittedListingRow.subject_digest).where(
        col(AdmittedListingRow.revoked_at).is_(None), col(AdmittedListingRow.revoked_here_at).is_(None)
    )
    yield from session.exec(
        query.order_by(col(AdmittedListingRow.subject_digest)).execution_options(yield_per=_AT_ONCE)
    )


def told_since(session: Session, revision: int, prefix: str) -> tuple[int, list[bytes]]:
    """The newest revision of the feed, and what it says since a revision under keys with a prefix."""
    newest = session.exec(select(FeedHead.revision)).one()
    query = select(Change.payload).where(col(Change.revision) > revision, col(Change.key).startswith(prefix))
    return newest, list(session.exec(query.order_by(col(Change.revision)))) if newest > revision else []


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
            register_again=row.register_again_at,
            stay=stays.get(row.sanction_id),
        )
        for row in found
    ]
