import asyncio
import time

from chassis.pace import Pace


async def test_first_step_after_a_pause_is_taken_at_once() -> None:
    pace = Pace(60.0)
    await asyncio.wait_for(pace.wait(), 1)


async def test_steps_in_quick_succession_keep_their_distance() -> None:
    pace = Pace(0.02)
    began = time.monotonic()
    for _ in range(4):
        await pace.wait()
    assert time.monotonic() - began >= 3 * 0.02
