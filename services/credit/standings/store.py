"""Queries of the ledger and of what follows from it."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from services.credit.appeals import store as appeals
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import SanctionState
from services.credit.standings.domain import (
    LedgerEntry,
    OverturnEntry,
    PointsEntry,
    ReliefEntry,
    ReliefKind,
    Restriction,
    Stay,
    Stays,
    inherited,
)
from services.credit.standings.models import LedgerRow
from services.credit.subjects import Subject, SubjectKind


def add(session: Session, entry: LedgerEntry) -> None:
    """Adds an entry."""
    session.add(_row(entry))
    session.flush()


def entries(session: Session, subject: Subject) -> list[LedgerEntry]:
    """The whole ledger of a subject, oldest first."""
    return page(session, subject, after="", size=None)


def page(session: Session, subject: Subject, *, after: str, size: int | None) -> list[LedgerEntry]:
    """Entries of a subject after an entry id, oldest first, at most `size`."""
    query = (
        select(LedgerRow)
        .where(LedgerRow.subject_kind == subject.kind, LedgerRow.subject_id == subject.id)
        .where(col(LedgerRow.entry_id) > after)
        .order_by(col(LedgerRow.entry_id))
        .limit(size)
    )
    return [_entry(row) for row in session.exec(query)]


def points_entries(session: Session, sanction_ids: Iterable[str]) -> list[PointsEntry]:
    """The points entries of some sanctions."""
    query = select(LedgerRow).where(col(LedgerRow.sanction_id).in_(list(sanction_ids)), LedgerRow.kind == "POINTS")
    return [entry for row in session.exec(query) if isinstance(entry := _entry(row), PointsEntry)]


def stays(session: Session, sanction_ids: Iterable[str]) -> Stays:
    """Stays of some sanctions, by sanction id: their own, and those of what they rest on."""
    rests_on = sanctions.grounds_of(session, sanction_ids)
    return inherited(own_stays(session, rests_on.keys() | set().union(*rests_on.values())), rests_on)


def own_stays(session: Session, sanction_ids: Iterable[str]) -> Stays:
    """Stays of some sanctions, by sanction id: from a person's act or from the missed deadline of the appeal."""
    found = appeals.of_sanctions(session, sanction_ids)
    earlier = sanctions.stayed_from(session, [appeal.appeal_id for appeal in found])
    stayed = {
        appeal.sanction_id: Stay(earlier[appeal.appeal_id], appeal.decided_at)
        if appeal.appeal_id in earlier
        else appeal.stay
        for appeal in found
    }
    return {sanction_id: stay for sanction_id, stay in stayed.items() if stay}


def appealed(session: Session, sanction_ids: Iterable[str]) -> set[str]:
    """Those of some sanctions that have an appeal."""
    return {appeal.sanction_id for appeal in appeals.of_sanctions(session, sanction_ids)}


def restrictions(session: Session, subject: Subject) -> list[Restriction]:
    """The measures of all sanctions of a subject that were in force and were not overturned."""
    in_force = [
        sanction for sanction in sanctions.of_subject(session, subject) if sanction.state is SanctionState.IN_FORCE
    ]
    stayed = stays(session, [sanction.sanction_id for sanction in in_force])
    return [
        Restriction(sanction.sanction_id, measure.kind, sanction.start, measure.end, stayed.get(sanction.sanction_id))
        for sanction in in_force
        if sanction.start is not None
        for measure in sanction.terms
    ]


def _row(entry: LedgerEntry) -> LedgerRow:
    row = LedgerRow(
        entry_id=entry.entry_id,
        kind="POINTS",
        subject_kind=entry.subject.kind,
        subject_id=entry.subject.id,
        sanction_id=entry.sanction_id,
        points=0,
        recorded_at=entry.recorded_at,
    )
    match entry:
        case PointsEntry():
            row.points, row.start_at, row.end_at = entry.points, entry.start, entry.end
        case OverturnEntry():
            row.kind, row.overturned_entry_id, row.appeal_id = "OVERTURN", entry.overturned_entry_id, entry.appeal_id
        case ReliefEntry():
            row.kind, row.points, row.end_at = entry.kind, entry.points, entry.end
            row.relieved_entry_id, row.proof_sha256 = entry.relieved_entry_id, entry.proof_sha256 or None
    return row


def _entry(row: LedgerRow) -> LedgerEntry:
    subject = Subject(SubjectKind(row.subject_kind), row.subject_id)
    common = (row.entry_id, subject, row.sanction_id)
    if row.start_at is not None and row.end_at is not None:
        return PointsEntry(*common, row.points, row.start_at, row.end_at, row.recorded_at)
    if row.relieved_entry_id is not None and row.end_at is not None:
        return ReliefEntry(
            *common,
            row.relieved_entry_id,
            ReliefKind(row.kind),
            row.points,
            row.recorded_at,
            row.end_at,
            row.proof_sha256 or "",
        )
    return OverturnEntry(*common, row.overturned_entry_id or "", row.appeal_id or "", row.recorded_at)
