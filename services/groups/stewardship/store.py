"""Queries on the ledger of duty."""

from datetime import datetime

from sqlmodel import Session, col, select

from chassis.pages import Page
from chassis.refusal import Refusal
from ombud.common.v1.types_pb2 import Subject
from services.groups.stewardship.domain import DutyEntry, Tool
from services.groups.stewardship.models import DutyRow


def add(session: Session, entry: DutyEntry) -> None:
    """Keeps a new notice."""
    session.add(
        DutyRow(
            notice_id=entry.notice_id,
            group_id=entry.group_id,
            owner_account_id=entry.owner_account_id,
            duty=entry.duty,
            tools=",".join(entry.tools),
            serve_time=entry.serve_time,
            cure_end_time=entry.cure_end_time,
        )
    )


def get(session: Session, notice_id: str) -> DutyEntry:
    """A notice by its id.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = session.get(DutyRow, notice_id)
    if row is None:
        raise Refusal.not_found("notice", notice_id)
    return _entry(row)


def keep(session: Session, entry: DutyEntry) -> None:
    """Keeps what became of a notice."""
    row = session.get_one(DutyRow, entry.notice_id)
    row.cure_time = entry.cure_time
    row.tools_lost_time = entry.tools_lost_time


def served(session: Session, subject: Subject, at: datetime) -> list[DutyEntry]:
    """The notices to an owner, or in a group, whose time to cure runs at the instant."""
    query = select(DutyRow).where(
        col(DutyRow.cure_time).is_(None), col(DutyRow.tools_lost_time).is_(None), col(DutyRow.cure_end_time) > at
    )
    if subject.account_id:
        query = query.where(DutyRow.owner_account_id == subject.account_id)
    else:
        query = query.where(DutyRow.group_id == subject.group_id)
    return [_entry(row) for row in session.exec(query)]


def ledger(session: Session, group_id: str, notice_id: str, page: Page) -> list[DutyEntry]:
    """A page of a group's notices, newest first, and one more if there is a further page.

    Args:
        session: The database.
        group_id: The group.
        notice_id: Only this notice; empty for all.
        page: Which page.
    """
    query = select(DutyRow).where(DutyRow.group_id == group_id)
    if notice_id:
        query = query.where(DutyRow.notice_id == notice_id)
    if page.after:
        query = query.where(col(DutyRow.notice_id) < page.after[0])
    rows = session.exec(query.order_by(col(DutyRow.notice_id).desc()).limit(page.size + 1))
    return [_entry(row) for row in rows]


def _entry(row: DutyRow) -> DutyEntry:
    return DutyEntry(
        notice_id=row.notice_id,
        group_id=row.group_id,
        owner_account_id=row.owner_account_id,
        duty=row.duty,
        tools=tuple(Tool(tool) for tool in row.tools.split(",")),
        serve_time=row.serve_time,
        cure_end_time=row.cure_end_time,
        cure_time=row.cure_time,
        tools_lost_time=row.tools_lost_time,
    )
