"""What can not be sent holds up nothing behind it, however much of it there is."""

import asyncio
import contextlib
from collections.abc import Sequence

from services.credit.notices.rounds import go_round

_PAGE = 2


class Post:
    """Letters by number, of which the first can not be sent for a time."""

    def __init__(self, letters: int, *, stuck: int, rounds: int) -> None:
        self.waiting = list(range(letters))
        self.sent: list[int] = []
        self.idle = asyncio.Event()
        self._stuck = stuck
        self._tries = stuck * rounds

    async def page(self, last: int | None) -> Sequence[int]:
        return [each for each in self.waiting if last is None or each > last][:_PAGE]

    async def send(self, letter: int) -> bool:
        if letter < self._stuck and self._tries:
            self._tries -= 1
            return False
        self.waiting.remove(letter)
        self.sent.append(letter)
        return True

    async def wait(self) -> None:
        self.idle.set()
        await asyncio.Event().wait()


async def test_letters_behind_pages_of_undeliverable_ones_are_sent_in_the_same_round() -> None:
    post = Post(7, stuck=5, rounds=2)
    running = asyncio.create_task(go_round(post.page, post.send, post.wait))

    await asyncio.wait_for(post.idle.wait(), 5)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running

    assert post.sent == [5, 6, 0, 1, 2, 3, 4]
