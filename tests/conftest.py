import functools
import gc
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from chassis.ids import new_id
from tests.support import mess
from tests.support.engines import OpenDatabase, fresh_postgres, opened, postgres_server
from tests.support.suite import Suite, running_suite

# A law takes the time that a busy machine needs.
settings.register_profile("ombud", deadline=None)
settings.load_profile("ombud")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the short form of a test takes from the long one."""
    parser.addoption("--kills", type=int, default=4, help="how often a service is killed under load")
    parser.addoption("--all-faults", action="store_true", help="let each call fail with each error, not with one")
    parser.addoption("--stop-seconds", type=float, default=2.0, help="how long a process hangs")
    parser.addoption("--fuzz", type=int, default=mess.EXAMPLES, help="how often an RPC is sent twenty odd requests")
    parser.addoption("--flips", type=int, default=150, help="how many bytes of a log are flipped at most")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    # Not in pytest's own folder: another run of the tests resets that one's mode, and the server loses its files.
    with tempfile.TemporaryDirectory(prefix="ombud-postgres-") as folder, postgres_server(Path(folder)) as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the URL of another new database each time, once on each engine."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{new_id()}.db"
    return functools.partial(fresh_postgres, request.getfixturevalue("postgres"))


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """A new database, once on each engine."""
    return new_database()


@pytest.fixture
def databases(database_url: str) -> OpenDatabase:
    """Opens a service's database on each engine: `async with databases("credit") as database: ...`."""
    return functools.partial(opened, database_url)


@pytest.fixture
async def suite(tmp_path: Path) -> AsyncIterator[Suite]:
    async with running_suite(tmp_path / "data") as running:
        yield running


def pytest_configure(config: pytest.Config) -> None:
    """Test modules read it when they are imported."""
    mess.EXAMPLES = config.getoption("--fuzz")


def pytest_sessionstart() -> None:
    """Whatever is imported for the tests stays: nothing of it is garbage, and to look costs a tenth of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long belongs to the long form, `make fault`."""
    if not config.getoption("--all-faults"):
        items[:] = [item for item in items if item.get_closest_marker("long") is None]
