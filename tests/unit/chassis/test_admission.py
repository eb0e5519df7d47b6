"""How many calls a server takes on, and of which load: the policy alone, without a server."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.metrics import Meter
from chassis.server.admission import BOUNDS, Admission, Pressure, refusals
from chassis.server.methods import Load
from tests.support.telemetry import DECLARED

# From the first that is turned away to the last.
ORDER = [Load.BULK, Load.PUBLIC, Load.WRITE, Load.READ]
MANY = 1_000


def admission() -> Admission:
    return Admission(Meter(), Pressure())


def fill(house: Admission, load: Load) -> int:
    """Lets calls of a load in for as long as the door is open; returns how many came in."""
    door, entered = house.door(load), 0
    while door.open():
        door.enter()
        entered += 1
    return entered


def look(pressure: Pressure, wait: float, times: int = 1) -> float:
    """Has the pressure look at how long calls wait; returns what it is then."""
    for _ in range(times):
        pressure.look(wait)
    return pressure.value


def let_in(pressure: Pressure, load: Load) -> float:
    """The share of many calls of a load that come in at that pressure."""
    door = Admission(Meter(), pressure).door(load)
    return sum(door.open() for _ in range(MANY)) / MANY


@pytest.mark.parametrize("load", Load)
def test_calls_of_a_load_alone_come_in_up_to_its_bound(load: Load) -> None:
    house = admission()
    assert fill(house, load) == min(BOUNDS[load].own, BOUNDS[load].crowd)
    house.door(load).leave()
    assert house.door(load).open()


def test_loads_are_turned_away_one_after_the_other_as_more_are_inside_reads_last() -> None:
    house, shut = admission(), list[Load]()
    for _ in range(BOUNDS[Load.READ].crowd):
        shut += [load for load in ORDER if load not in shut and not house.door(load).open()]
        house.door(Load.READ).enter()
    shut += [load for load in ORDER if load not in shut and not house.door(load).open()]
    assert shut == ORDER


def test_loads_are_turned_away_one_after_the_other_as_the_pressure_grows_reads_last() -> None:
    random.seed(1)
    pressure = Pressure()
    for step, load in enumerate(ORDER):
        for share in (0.0, 0.5, 1.0):
            pressure.value = step + share
            assert let_in(pressure, load) == pytest.approx(1 - share, abs=0.1)
            assert all(let_in(pressure, before) == 0 for before in ORDER[:step])
            assert all(let_in(pressure, after) == 1 for after in ORDER[step + 1 :])


acts = st.tuples(st.sampled_from(ORDER), st.sampled_from(["come", "leave", "wait"]), st.floats(0, 1))


@given(st.lists(acts, max_size=60))
def test_no_read_is_turned_away_while_anything_else_is_let_in(steps: list[tuple[Load, str, float]]) -> None:
    pressure = Pressure()
    house, inside = Admission(Meter(), pressure), list[Load]()
    for load, act, wait in steps:
        if act == "wait":
            look(pressure, wait)
        elif act == "leave" and inside:
            house.door(inside.pop()).leave()
        elif house.door(load).open():
            # Many at once, so that the bounds are reached.
            for _ in range(40):
                house.door(load).enter()
                inside.append(load)
        if not house.door(Load.READ).open():
            assert not any(house.door(other).open() for other in ORDER[:-1])


def test_pressure_grows_while_calls_wait_and_goes_when_they_do_not() -> None:
    pressure = Pressure()
    grown = [look(pressure, 0.5) for _ in range(20)]
    assert grown == sorted(grown)
    assert grown[-1] == 4
    assert look(pressure, 0.0, times=600) == 0


def test_wait_as_it_should_be_is_no_pressure() -> None:
    pressure = Pressure()
    assert look(pressure, 0.01, times=100) < 0.1
    assert look(pressure, 0.0) == 0


def test_one_pause_of_the_machine_turns_no_write_and_no_read_away() -> None:
    pressure = Pressure()
    look(pressure, 5.0)
    assert all(let_in(pressure, load) == 1 for load in (Load.READ, Load.WRITE, Load.PUBLIC))
    assert look(pressure, 0.0, times=60) == 0


def test_burst_that_is_soon_worked_off_turns_no_write_and_no_read_away() -> None:
    pressure = Pressure()
    for tick in range(1, 10):
        assert look(pressure, tick * 0.04) < 2
    assert look(pressure, 0.0) < 1.5


def test_streams_stand_in_nobodys_way() -> None:
    house = admission()
    fill(house, Load.STREAM)
    assert all(house.door(load).open() for load in ORDER)
    fill(house, Load.READ)
    assert not house.door(Load.STREAM).open()


def test_what_anyone_may_call_takes_no_more_than_its_share() -> None:
    house = admission()
    fill(house, Load.PUBLIC)
    assert house.door(Load.READ).open()
    assert house.door(Load.WRITE).open()


def test_those_who_are_turned_away_come_back_at_different_times() -> None:
    for load in Load:
        delays = [refusal.retry_after for refusal in refusals(load)]
        assert len(set(delays)) == len(delays)
        for delay in delays:
            assert delay is not None
            assert BOUNDS[load].delay <= delay.total_seconds() < 2 * BOUNDS[load].delay


def test_doors_tell_how_many_are_inside_and_how_many_were_turned_away() -> None:
    meter = Meter()
    door = Admission(meter, Pressure()).door(Load.WRITE)
    door.enter()
    door.enter()
    door.leave()
    door.turn_away()
    told = {each.declared.name: each for each in meter.instruments()}
    for name in ("ombud.admission.in_flight", "ombud.admission.refused"):
        assert told[name].values == {(load.value,): int(load is Load.WRITE) for load in Load}
    for name, instrument in told.items():
        assert DECLARED["metrics"][name]["labels"] == list(instrument.declared.labels)
