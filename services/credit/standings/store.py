"""Queries of the ledger and of what follows from it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, insert, or_
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from chassis.db import Unit
from services.credit.appeals import store as appeals
from services.credit.appeals.models import AppealRow
from services.credit.sanctions import relief_store
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.models import PriorDecisionRow, SanctionRow
from services.credit.standings import domain
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
from services.credit.tables import ask, asked_for, of_asked

_LEDGER = LedgerRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
_INSERT = insert(LedgerRow)
# Columns, not objects of the table's class, and built once: both cost several times what the database does.
_LEDGERS = sa_select(_LEDGER).where(of_asked(_LEDGER.c)).order_by(_LEDGER.c.entry_id)


@dataclass(frozen=True)
class Record:
    """What is recorded of a subject.

    Attributes:
        entries: The whole ledger, oldest first.
        stays: Stays of the sanctions concerned.
        restrictions: The measures of all sanctions that were in force and were not overturned.
    """

    entries: list[LedgerEntry]
    stays: Stays
    restrictions: list[Restriction]


def add(unit: Unit, entry: LedgerEntry) -> None:
    """Adds an entry."""
    unit.store(_INSERT, **_values(entry))


def entries(session: Session, subject: Subject) -> list[LedgerEntry]:
    """The whole ledger of a subject, oldest first."""
    return ledgers(session, [subject])[subject]


def ledgers(session: Session, subjects: Collection[Subject]) -> dict[Subject, list[LedgerEntry]]:
    """The whole ledgers of some subjects, oldest entries first."""
    found: dict[Subject, list[LedgerEntry]] = {subject: [] for subject in subjects}
    for asked in asked_for(subjects):
        for row in ask(session, _LEDGERS, asked):
            entry = _entry(row)
            found[entry.subject].append(entry)
    return found


def points_entries(session: Session, sanction_ids: Iterable[str]) -> list[PointsEntry]:
    """The points entries of some sanctions."""
    query = select(LedgerRow).where(col(LedgerRow.sanction_id).in_(list(sanction_ids)), LedgerRow.kind == "POINTS")
    return [entry for row in session.exec(query) if isinstance(entry := _entry(row), PointsEntry)]


def points_left(session: Session, sanction_ids: Iterable[str], at: datetime) -> dict[str, int]:
    """How many points of some sanctions count at an instant, stays left aside, by sanction id; 0 is left out."""
    points = points_entries(session, sanction_ids)
    of_subjects = ledgers(session, {entry.subject for entry in points})
    found = {entry.sanction_id: domain.points_left(of_subjects[entry.subject], entry, at) for entry in points}
    return {sanction_id: left for sanction_id, left in found.items() if left}


def accounts_sanctioned(session: Session, *, after: str, size: int) -> list[str]:
    """Ids of accounts that ever had a sanction in force, after an account id, at most `size`."""
    query = (
        select(SanctionRow.subject_id)
        .where(SanctionRow.subject_kind == SubjectKind.ACCOUNT, col(SanctionRow.subject_id) > after)
        .where(col(SanctionRow.start_at).is_not(None))
        .distinct()
        .order_by(col(SanctionRow.subject_id))
        .limit(size)
    )
    return list(session.exec(query))


def points_until(session: Session, at: datetime, *, after: str, size: int) -> dict[str, tuple[int, ...]]:
    """The points of accounts up to an instant, change by change, by account id.

    Args:
        session: The database.
        at: The instant.
        after: Accounts after this id, in their order.
        size: So many accounts at most; none are left once fewer come.
    """
    of_accounts = select(LedgerRow.subject_id).where(LedgerRow.subject_kind == SubjectKind.ACCOUNT)
    page = of_accounts.where(col(LedgerRow.subject_id) > after).distinct().order_by(col(LedgerRow.subject_id))
    accounts = list(session.exec(page.limit(size)))
    if not accounts:
        return {}
    here = and_(
        col(LedgerRow.subject_kind) == SubjectKind.ACCOUNT,
        col(LedgerRow.subject_id).between(accounts[0], accounts[-1]),
    )
    terms: dict[str, list[tuple[int, datetime, datetime]]] = {}
    # Columns, not objects of the table's class: those cost several times what the fold does.
    points = select(LedgerRow.subject_id, LedgerRow.points, LedgerRow.start_at, LedgerRow.end_at)
    for account_id, count, start, end in session.exec(points.where(here, LedgerRow.kind == "POINTS")):
        if start and end:
            terms.setdefault(account_id, []).append((count, start, end))
    found = {account_id: domain.points_of_terms(held, at) for account_id, held in terms.items()}
    others = session.exec(select(LedgerRow.subject_id).where(here, _more_than_points()).distinct())
    whole = ledgers(session, [Subject(SubjectKind.ACCOUNT, account_id) for account_id in others])
    stayed = stays(session, {entry.sanction_id for ledger in whole.values() for entry in ledger})
    found |= {subject.id: domain.points_until(ledger, stayed, at) for subject, ledger in whole.items()}
    return {account_id: found[account_id] for account_id in accounts}


def _more_than_points() -> ColumnElement[bool]:
    """That an entry takes points back, or that a stay may concern it."""
    return or_(
        col(LedgerRow.kind) != "POINTS",
        exists().where(col(AppealRow.sanction_id) == col(LedgerRow.sanction_id)),
        exists().where(col(PriorDecisionRow.sanction_id) == col(LedgerRow.sanction_id)),
    )


def stays(session: Session, sanction_ids: Collection[str]) -> Stays:
    """Stays of some sanctions, by sanction id: their own, and those of what they rest on."""
    if not sanction_ids:
        return {}
    rests_on = sanctions.grounds_of(session, sanction_ids)
    return inherited(own_stays(session, rests_on.keys() | set().union(*rests_on.values())), rests_on)


def own_stays(session: Session, sanction_ids: Iterable[str]) -> Stays:
    """Stays of some sanctions, by sanction id: from a person's act or from the missed deadline of the appeal."""
    found = appeals.of_sanctions(session, sanction_ids)
    earlier = relief_store.stayed_from(session, [appeal.appeal_id for appeal in found]) if found else {}
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


def records(session: Session, subjects: Collection[Subject]) -> dict[Subject, Record]:
    """All that is recorded of some subjects, in a statement a table."""
    entries, terms = ledgers(session, subjects), sanctions.terms_in_force(session, subjects)
    concerned = {term.sanction_id for term in terms}
    concerned |= {entry.sanction_id for ledger in entries.values() for entry in ledger}
    stayed = stays(session, concerned)
    found = {subject: Record(entries[subject], stayed, []) for subject in subjects}
    for term in terms:
        measure, stay = term.measure, stayed.get(term.sanction_id)
        restriction = Restriction(term.sanction_id, measure.kind, term.start, measure.end, stay)
        found[term.subject].restrictions.append(restriction)
    return found


def _values(entry: LedgerEntry) -> dict[str, Any]:
    """The columns of an entry, by name."""
    values: dict[str, Any] = dict.fromkeys(_LEDGER.c.keys())
    values |= {
        "entry_id": entry.entry_id,
        "kind": "POINTS",
        "subject_kind": entry.subject.kind,
        "subject_id": entry.subject.id,
        "sanction_id": entry.sanction_id,
        "points": 0,
        "recorded_at": entry.recorded_at,
    }
    match entry:
        case PointsEntry():
            values |= {"points": entry.points, "start_at": entry.start, "end_at": entry.end}
        case OverturnEntry():
            values |= {"kind": "OVERTURN", "appeal_id": entry.appeal_id}
            values |= {"overturned_entry_id": entry.overturned_entry_id}
        case ReliefEntry():
            values |= {"kind": entry.kind, "points": entry.points, "end_at": entry.end}
            values |= {"relieved_entry_id": entry.relieved_entry_id, "proof_sha256": entry.proof_sha256 or None}
    return values


def _entry(row: LedgerRow | Row[Any]) -> LedgerEntry:
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
