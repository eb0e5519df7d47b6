import heapq
from dataclasses import dataclass, field

import pytest

from services.retention.ingest.backlog import Pace

PART, FRAME, IN_FLIGHT = 262_144, 500, 16
DISK_RATE = 400_000


@dataclass
class Sealed:
    """Producers that send as fast as they may, and sealing at a given cost: instants in seconds.

    Attributes:
        cost: Seconds of sealing a record.
        stopped: For how long sealing had stood still before.
        admitted: When each frame came in.
        held: How long each was held back.
        proven: How long the first record of each part waited until it was sealed.
    """

    cost: float
    stopped: float = 0.0
    admitted: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    proven: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        pace, waiting, opened = Pace(PART), 0, 0
        if self.stopped:
            pace.sealed(PART, ready=-self.stopped, now=0.0)
        busy_until, sealing = 0.0, 0
        began = opened_at = 0.0
        arrivals = [number * 1e-6 for number in range(IN_FLIGHT)]
        while (now := heapq.heappop(arrivals)) < seconds:
            if sealing and now >= busy_until:
                pace.sealed(sealing, ready=began, now=busy_until)
                self.proven.append(busy_until - began)
                waiting, sealing = waiting - sealing, 0
            if not sealing and opened:
                began, sealing = opened_at, min(opened, PART)
                busy_until, opened, opened_at = now + sealing * self.cost, opened - sealing, now
            held = max(0.0, pace.hold(FRAME, waiting=waiting, now=now))
            self.held.append(held)
            self.admitted.append(now + held)
            waiting, opened = waiting + FRAME, opened + FRAME
            heapq.heappush(arrivals, now + held + IN_FLIGHT * FRAME / DISK_RATE)

    def rate(self, second: int) -> int:
        return FRAME * sum(second <= moment < second + 1 for moment in self.admitted)


@pytest.mark.parametrize("cost", [4e-6, 8e-6])
def test_records_come_in_steadily_at_the_rate_at_which_they_are_sealed(cost: float) -> None:
    run = Sealed(cost)
    run.run(20.0)
    rates = [run.rate(second) * cost for second in range(5, 20)]
    assert sum(rates) / len(rates) == pytest.approx(1, abs=0.1)
    assert min(rates) > 0.75
    assert max(rates) < 1.25


@pytest.mark.parametrize("cost", [4e-6, 8e-6])
def test_no_batch_is_held_back_for_long_and_no_record_waits_long_for_its_proof(cost: float) -> None:
    run = Sealed(cost)
    run.run(20.0)
    assert max(run.held) < 2 * IN_FLIGHT * FRAME * cost
    assert max(run.proven) < 4.5


def test_after_a_long_stop_of_sealing_the_rate_comes_back() -> None:
    run = Sealed(5e-6, stopped=60.0)
    run.run(20.0)
    assert min(run.rate(second) * run.cost for second in range(10, 20)) > 0.75


def test_nothing_is_held_back_while_nothing_waits() -> None:
    pace = Pace(PART)
    assert [pace.hold(FRAME, waiting=0, now=now) for now in (1.0, 1.0, 2.0)] == [0, 0, 0]


def test_an_hour_of_few_records_does_not_slow_the_many_that_follow() -> None:
    pace, taught = Pace(PART), Pace(PART)
    for second in range(3600):
        taught.sealed(1000, ready=second, now=second + 0.1)
    assert taught.hold(FRAME, waiting=PART, now=5000.0) == pytest.approx(pace.hold(FRAME, waiting=PART, now=5000.0))
