"""Word to gRPC's clients when, and whether, another try is worth while."""

from datetime import timedelta

import pytest

from chassis.refusal import Refusal
from chassis.server.status import pushback

BUSY = Refusal.overloaded("writes", retry_after=timedelta(milliseconds=200))
AWAY = Refusal.peer_unavailable("groups")
FOREIGN = Refusal.not_found("sanction", "one")


@pytest.mark.parametrize(
    ("refusal", "left", "taken", "told"),
    [
        (BUSY, None, 0.1, "200"),
        (BUSY, 5.0, 0.1, "200"),
        (BUSY, 0.1, 0.1, "-1"),
        (AWAY, None, 5.0, None),
        (AWAY, 5.0, 0.1, None),
        (AWAY, 4.9, 5.1, "-1"),
        (AWAY, 0.1, 0.05, "-1"),
        (FOREIGN, 0.1, 5.0, None),
    ],
)
def test_client_tries_again_where_that_may_help_and_there_is_time(
    refusal: Refusal, left: float | None, taken: float, told: str | None
) -> None:
    assert [value for _, value in pushback(refusal, left, taken=taken)] == ([told] if told else [])
