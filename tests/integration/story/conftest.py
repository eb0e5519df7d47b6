from collections.abc import Iterator

import pytest

from tests.integration.story.shell import Up, up


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One suite for the tests of a module, started by the command."""
    with up(tmp_path_factory.mktemp("suite") / "data") as started:
        yield started
