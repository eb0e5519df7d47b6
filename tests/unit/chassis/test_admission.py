"""How many calls a server takes on, and of which load: the policy alone, with a clock of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.metrics import Meter
from chassis.server.admission import BOUNDS, Admission
from chassis.server.methods import Load
from tests.support.telemetry import DECLARED

CALLS = [load for load in Load if load is not Load.STREAM]
# From the first that is turned away to the last.
ORDER = [Load.BULK, Load.PUBLIC, Load.WRITE, Load.READ]


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fill(admission: Admission, load: Load) -> int:
    """Lets calls of a load in for as long as the door is open; returns how many came in."""
    door, entered = admission.door(load), 0
    while door.open():
        door.enter()
        entered += 1
    return entered


@pytest.mark.parametrize("load", Load)
def test_calls_of_a_load_alone_come_in_up_to_its_bound(load: Load) -> None:
    bound = BOUNDS[load]
    assert fill(Admission(Meter(), Time()), load) == min(bound.own, bound.burst)


def test_burst_is_let_in_for_a_moment_and_not_for_longer() -> None:
    time = Time()
    admission = Admission(Meter(), time)
    writes = admission.door(Load.WRITE)
    assert fill(admission, Load.WRITE) == BOUNDS[Load.WRITE].burst
    time.now = 0.2
    for _ in range(BOUNDS[Load.WRITE].burst - BOUNDS[Load.WRITE].crowd):
        assert not writes.open()
        writes.leave()
    assert not writes.open()
    writes.leave()
    assert writes.open()


def test_bursts_are_let_in_again_once_there_is_little_to_do() -> None:
    time = Time()
    admission = Admission(Meter(), time)
    reads = admission.door(Load.READ)
    entered = fill(admission, Load.READ)
    time.now = 1.0
    assert not reads.open()
    for _ in range(entered):
        reads.leave()
    assert reads.open()
    assert fill(admission, Load.READ) == BOUNDS[Load.READ].burst


@pytest.mark.parametrize("after", [0.0, 1.0])
def test_loads_are_turned_away_one_after_the_other_reads_last(after: float) -> None:
    time = Time()
    admission = Admission(Meter(), time)
    shut: list[Load] = []
    for _ in range(BOUNDS[Load.READ].burst):
        shut += [load for load in ORDER if load not in shut and not admission.door(load).open()]
        time.now = after
        admission.door(Load.READ).enter()
    shut += [load for load in ORDER if load not in shut and not admission.door(load).open()]
    assert shut == ORDER


steps = st.lists(st.tuples(st.sampled_from(CALLS), st.booleans(), st.floats(0, 0.3)), max_size=300)


@given(steps)
def test_no_read_is_turned_away_while_anything_else_is_let_in(steps: list[tuple[Load, bool, float]]) -> None:
    time = Time()
    admission = Admission(Meter(), time)
    inside: list[Load] = []
    for load, leaves, passed in steps:
        time.now += passed
        if leaves and inside:
            admission.door(inside.pop()).leave()
        if admission.door(load).open():
            # Many at once, so that the bounds are reached.
            for _ in range(10):
                admission.door(load).enter()
                inside.append(load)
        if not admission.door(Load.READ).open():
            assert not any(admission.door(other).open() for other in CALLS)


def test_streams_stand_in_nobodys_way() -> None:
    admission = Admission(Meter(), Time())
    fill(admission, Load.STREAM)
    assert all(admission.door(load).open() for load in CALLS)
    fill(admission, Load.READ)
    assert not admission.door(Load.STREAM).open()


def test_whatever_anyone_may_call_takes_no_more_than_its_share() -> None:
    admission = Admission(Meter(), Time())
    fill(admission, Load.PUBLIC)
    assert all(admission.door(load).open() for load in (Load.READ, Load.WRITE))


def test_those_who_are_turned_away_come_back_at_different_times() -> None:
    for load in Load:
        delays = [refusal.retry_after for refusal in Admission(Meter()).door(load).refusals()]
        assert len(set(delays)) == len(delays)
        for delay in delays:
            assert delay is not None
            assert BOUNDS[load].delay <= delay.total_seconds() < 2 * BOUNDS[load].delay


def test_doors_tell_how_many_are_inside_and_how_many_were_turned_away() -> None:
    meter = Meter()
    door = Admission(meter, Time()).door(Load.WRITE)
    door.enter()
    door.enter()
    door.leave()
    door.turn_away()
    told = {each.declared.name: each for each in meter.instruments()}
    for name in ("ombud.admission.in_flight", "ombud.admission.refused"):
        assert told[name].values == {(load.value,): int(load is Load.WRITE) for load in Load}
    for name, instrument in told.items():
        assert DECLARED["metrics"][name]["labels"] == list(instrument.declared.labels)
