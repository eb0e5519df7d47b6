import pytest

from tests.integration.credit.court import Court
from tests.support.suite import Suite


@pytest.fixture
def court(suite: Suite) -> Court:
    return Court(suite)
