import asyncio
import time

from chassis.pace import Due, Pace


async def test_first_step_after_a_pause_is_taken_at_once() -> None:
    pace = Pace(60.0)
    await asyncio.wait_for(pace.wait(), 1)


async def test_steps_in_quick_succession_keep_their_distance() -> None:
    pace = Pace(0.02)
    began = time.monotonic()
    for _ in range(4):
        await pace.wait()
    assert time.monotonic() - began >= 3 * 0.02


async def test_work_that_somebody_here_made_is_due_at_once_until_it_is_looked_at() -> None:
    due = Due(at_most=60.0)
    due.wake()
    await asyncio.wait_for(due.wait(), 1)
    due.look()
    waiting = asyncio.ensure_future(due.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    due.wake()
    await asyncio.wait_for(waiting, 1)


async def test_work_that_another_process_may_have_made_is_looked_for() -> None:
    await asyncio.wait_for(Due(at_most=0.01).wait(), 5)
