"""The base of the credit service's tables, and the constraints that several of them share."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Executable, MetaData, and_, bindparam
from sqlmodel import Session

from chassis.db.types import NAMING, Table
from services.credit.subjects import Subject, SubjectKind

HOUR_MICROSECONDS = 3_600_000_000
DAY_MICROSECONDS = 24 * HOUR_MICROSECONDS


class CreditTable(Table):
    """Base of the tables."""

    metadata = MetaData(naming_convention=NAMING)


def of_asked(columns: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a table's class or its columns
    """That a row, by its columns `subject_kind` and `subject_id`, is of a subject that a statement is asked for."""
    return and_(
        columns.subject_kind == bindparam("subject_kind"),
        columns.subject_id.in_(bindparam("subject_ids", expanding=True)),
    )


def ask(session: Session, statement: Executable, asked: Mapping[str, Any]) -> CursorResult[*tuple[Any, ...]]:
    """What a statement on columns finds, asked past the session: that costs a third of what objects cost.

    What the session's objects have changed is stored before.
    """
    session.flush()
    return session.connection().execute(statement, asked)


def asked_for(subjects: Iterable[Subject]) -> list[dict[str, Any]]:
    """What to ask a statement for, once for each kind of the subjects."""
    ids: dict[SubjectKind, list[str]] = {}
    for subject in subjects:
        ids.setdefault(subject.kind, []).append(subject.id)
    return [{"subject_kind": kind, "subject_ids": some} for kind, some in ids.items()]
