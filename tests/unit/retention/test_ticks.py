import pytest

from services.retention.ticks import Ticks


async def test_job_that_fails_again_and_again_keeps_no_other_from_its_turn() -> None:
    done: list[str] = []

    async def fail() -> None:
        raise RuntimeError("first")

    async def work() -> None:
        done.append("work")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="first"):
            await Ticks([work, fail, work], seconds=60).run()
    assert done == ["work"] * 4
