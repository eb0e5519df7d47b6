"""The base of the credit service's tables, and the constraints that several of them share."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, MetaData, and_, false, or_
from sqlmodel import SQLModel

from chassis.db.types import NAMING
from services.credit.subjects import Subject, SubjectKind

HOUR_MICROSECONDS = 3_600_000_000
DAY_MICROSECONDS = 24 * HOUR_MICROSECONDS


class CreditTable(SQLModel):
    """Base of the tables."""

    metadata = MetaData(naming_convention=NAMING)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A column of text that holds names of an enumeration."""
    names = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({names})", name=column)


def subject_in(columns: Any, subjects: Iterable[Subject]) -> ColumnElement[bool]:  # noqa: ANN401 - SQLAlchemy's collection of a table's columns
    """That a row, by its columns `subject_kind` and `subject_id`, is of one of the subjects."""
    ids: dict[SubjectKind, list[str]] = {}
    for subject in subjects:
        ids.setdefault(subject.kind, []).append(subject.id)
    return or_(
        false(), *(and_(columns.subject_kind == kind, columns.subject_id.in_(some)) for kind, some in ids.items())
    )
