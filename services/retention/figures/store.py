"""Counts of the register's entries."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from services.retention.register.models import RegisterRow


def events_by_kind(session: Session, start: datetime, end: datetime) -> dict[int, int]:
    """How many entries of each kind the register has from an instant up to another; kinds without one are left out."""
    query = (
        select(RegisterRow.kind, func.count())
        .where(col(RegisterRow.time) >= start, col(RegisterRow.time) < end)
        .group_by(col(RegisterRow.kind))
    )
    return dict(session.exec(query).all())
