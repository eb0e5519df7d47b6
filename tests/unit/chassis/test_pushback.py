"""Word to gRPC's clients when, and whether, another try is worth while."""

from datetime import timedelta

import pytest

from chassis.refusal import Refusal
from chassis.server.status import pushback

BUSY = Refusal.overloaded("writes", retry_after=timedelta(milliseconds=200))
AWAY = Refusal.peer_unavailable("groups")
FOREIGN = Refusal.not_found("sanction", "one")


@pytest.mark.parametrize(
    ("refusal", "left", "told"),
    [
        (BUSY, None, "200"),
        (BUSY, 5.0, "200"),
        (BUSY, 0.1, "-1"),
        (AWAY, None, None),
        (AWAY, 5.0, None),
        (AWAY, 0.1, "-1"),
        (FOREIGN, 0.1, None),
    ],
)
def test_client_tries_again_where_that_may_help_and_there_is_time(
    refusal: Refusal, left: float | None, told: str | None
) -> None:
    assert [value for _, value in pushback(refusal, left)] == ([told] if told else [])
