"""What stands before many a call touches what it is about, not all that is on record."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session

from chassis.ids import new_id
from services.credit.blacklist import store as blacklist
from services.credit.sanctions import store as sanctions
from services.credit.subjects import Subject, SubjectKind
from tests.support.engines import opened
from tests.support.plans import plan_of


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            lambda session: blacklist.of_subjects(session, [Subject(SubjectKind.ACCOUNT, new_id())]),
            "ix_blacklist_entry_subject_kind_subject_id (subject_kind=? AND subject_id=?)",
        ),
        (
            lambda session: sanctions.overturned_by(session, new_id()),
            "ix_sanction_overturning_appeal_id (overturning_appeal_id=?)",
        ),
    ],
)
async def test_cases_are_found_by_an_index(tmp_path: Path, query: Callable[[Session], object], index: str) -> None:
    async with opened(f"sqlite:///{tmp_path}/credit.db", "credit") as database:
        plan = await plan_of(database, query)
    assert "SCAN" not in plan
    assert index in plan
