"""Takes each guard of the table away in turn, and expects the attack through the API on it to succeed.

Takes minutes, so that it is no part of the ordinary run: `make mutation`.
"""

import pytest

from tests.mutation.code import without
from tests.mutation.guards import API, CREDIT, GUARDS, Guard


@pytest.mark.parametrize("guard", [pytest.param(guard, id=f"{guard.rule} {guard.what}") for guard in GUARDS])
def test_attack_through_the_api_succeeds_without_the_guard(guard: Guard) -> None:
    with without(CREDIT + guard.code, guard.answers):
        outcome = pytest.main(["-x", "-q", "-p", "no:cacheprovider", API + guard.api])

    assert outcome == pytest.ExitCode.TESTS_FAILED
