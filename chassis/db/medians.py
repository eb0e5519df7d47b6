"""Medians, worked out by the database."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, func, type_coerce
from sqlmodel import Session, col, select


def median_time(
    session: Session, start: datetime | None, end: datetime | None, *among: ColumnElement[bool]
) -> timedelta | None:
    """The median time between two instants of a row; of two in the middle the lower.

    Args:
        session: Where to read.
        start: The column of the earlier instant.
        end: The column of the later one.
        among: Conditions that a row has to meet.

    Returns:
        None if no row meets them.
    """
    taken: ColumnElement[int] = type_coerce(col(end), BigInteger) - type_coerce(col(start), BigInteger)
    rows = session.exec(select(func.count()).where(col(start).is_not(None), col(end).is_not(None), *among)).one()
    if rows == 0:
        return None
    middle = select(taken).where(col(start).is_not(None), col(end).is_not(None), *among)
    return timedelta(microseconds=session.exec(middle.order_by(taken).offset((rows - 1) // 2).limit(1)).one())
