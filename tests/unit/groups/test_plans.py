"""What is asked again and again touches what waits, not all that there ever was."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session

from chassis.pages import Page
from services.groups.tipoffs import store
from tests.support.clock import ManualClock
from tests.support.engines import opened
from tests.support.plans import plan_of

NOW = ManualClock().now()
FIRST_PAGE = Page(size=50, after=(), listing=b"")


@pytest.mark.parametrize(
    "query",
    [
        lambda session: store.count_overdue(session, NOW),
        lambda session: store.unanswered(session, FIRST_PAGE, due_by=None),
        lambda session: store.unanswered(session, FIRST_PAGE, due_by=NOW),
    ],
)
async def test_tip_offs_without_an_answer_are_found_by_an_index(
    tmp_path: Path, query: Callable[[Session], object]
) -> None:
    async with opened(f"sqlite:///{tmp_path}/groups.db", "groups") as database:
        plan = await plan_of(database, query)
    assert "SCAN" not in plan
    assert "ix_tip_off_reply_time_due_time_tip_off_id (reply_time=?" in plan
    assert "ix_tip_off_contest_decide_time (decide_time=?" in plan
