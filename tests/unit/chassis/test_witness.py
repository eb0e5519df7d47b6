"""A machine's clock is stepped: the time of a process goes on as it did, unless its database shows the step too."""

from datetime import timedelta

import pytest

from chassis.clock import MOST_DIFFERENCE, SteadyClock, SystemClock
from chassis.config import ConfigError
from chassis.witness import Witness
from tests.support.clock import ManualClock
from tests.support.engines import OpenDatabase

HOUR = timedelta(hours=1)


@pytest.fixture
def machine() -> ManualClock:
    """A machine's clock, which shows what it is for as long as the test does not step it."""
    return ManualClock(SystemClock().now())


@pytest.fixture
def clock(machine: ManualClock) -> SteadyClock:
    return SteadyClock(machine)


def off(clock: SteadyClock) -> timedelta:
    return abs(clock.now() - SystemClock().now())


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_step_that_the_database_does_not_show_changes_nothing(
    databases: OpenDatabase, machine: ManualClock, clock: SteadyClock, step: timedelta
) -> None:
    async with databases("credit") as database:
        witness = Witness(database, clock)
        await witness.agree()
        machine.advance(step)
        await witness._compare()
        assert off(clock) < MOST_DIFFERENCE


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_step_that_the_database_shows_is_taken_over(
    databases: OpenDatabase, machine: ManualClock, wrong: timedelta
) -> None:
    machine.advance(wrong)
    clock = SteadyClock(machine)
    async with databases("credit") as database:
        assert off(clock) > MOST_DIFFERENCE
        machine.advance(-wrong)
        await Witness(database, clock)._compare()
        assert off(clock) < MOST_DIFFERENCE


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
async def test_process_does_not_start_on_a_wrong_clock(
    databases: OpenDatabase, machine: ManualClock, wrong: timedelta
) -> None:
    machine.advance(wrong)
    async with databases("credit") as database:
        with pytest.raises(ConfigError, match=r"off that of credit's database"):
            await Witness(database, SteadyClock(machine)).agree()
