"""What the ticks ask every second touches what is due, not the whole catalogue."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session

from services.retention.custody import store as custody
from services.retention.lifecycle.domain import ClassName
from services.retention.purges import store as purges
from tests.support.clock import ManualClock
from tests.support.engines import opened
from tests.support.plans import plan_of

NOW = ManualClock().now()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            lambda session: purges.oldest_day(session, ClassName.CHAT, NOW),
            "(record_class=? AND purge_id=? AND first_receive_time>?)",
        ),
        (
            lambda session: purges.of_day(session, ClassName.CHAT, NOW.date()),
            "(record_class=? AND purge_id=? AND first_receive_time>? AND first_receive_time<?)",
        ),
        (lambda session: custody.open_accesses(session, NOW), "(end_registered=? AND expire_time>?)"),
    ],
)
async def test_ticks_find_what_is_due_by_an_index(
    tmp_path: Path, query: Callable[[Session], object], index: str
) -> None:
    async with opened(f"sqlite:///{tmp_path}/retention.db", "retention") as database:
        plan = await plan_of(database, query)
    assert "SCAN" not in plan
    assert index in plan
