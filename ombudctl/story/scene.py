"""How a step is told and proved."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ombud.client import OmbudError

T = TypeVar("T")
R = TypeVar("R")
Figure = int | float | str

_IN_FLIGHT = 32
_PATIENCE = 20.0
_POLL = 0.02


class StoryError(Exception):
    """Something that the story says does not hold; the text says what."""


@dataclass
class Scene:
    """One step of the story while it is played.

    Attributes:
        console: Where it is told.
        figures: What was counted and measured, by name.
        proofs: How many things were proved.
    """

    console: Console
    figures: dict[str, Figure] = field(default_factory=dict)
    proofs: int = 0

    def says(self, text: str) -> None:
        """Tells what happens and why."""
        self.console.print(Padding(text, (0, 2)), highlight=False)

    def proves(self, text: str, holds: object) -> None:
        """States something that must hold.

        Raises:
            StoryError: It does not.
        """
        if not holds:
            raise StoryError(text)
        self.proofs += 1
        self.console.print(Padding(f"[green]✓[/] {text}", (0, 4)), highlight=False)

    async def refuses(self, text: str, reason: str, call: Awaitable[object]) -> OmbudError:
        """States that a call must be refused for a reason.

        Args:
            text: What was tried.
            reason: The reason that the refusal must carry.
            call: The call.

        Returns:
            The refusal.

        Raises:
            StoryError: It went through, or was refused for another reason.
        """
        try:
            await call
        except OmbudError as error:
            if error.reason != reason:
                raise StoryError(f"{text}: refused, but with {error} and not {reason}") from error
            self.proofs += 1
            facts = ", ".join(f"{name} {value}" for name, value in error.facts.items())
            self.console.print(
                Padding(f"[yellow]✋[/] {text}: refused, [yellow]{reason}[/]{f' ({facts})' if facts else ''}", (0, 4)),
                highlight=False,
            )
            return error
        raise StoryError(f"{text}: was not refused with {reason}")

    async def until(self, text: str, ask: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
        """States that something comes to hold by itself within seconds.

        Args:
            text: What must come to hold.
            ask: Asks for the present state.
            holds: Whether the state is the awaited one.

        Returns:
            The state that holds.

        Raises:
            StoryError: It does not come to hold.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while not holds(state := await ask()):
            if loop.time() > end:
                raise StoryError(f"{text}: not within {_PATIENCE:.0f} s")
            await asyncio.sleep(_POLL)
        self.proves(text, holds=True)
        return state

    def counts(self, **figures: Figure) -> None:
        """Keeps figures of the step."""
        self.figures.update(figures)

    @contextmanager
    def bar(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Shows progress over a block.

        Yields:
            What to call with the number of things just done.
        """
        columns = (TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        quiet = not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=quiet) as progress:
            task = progress.add_task(text, total=total)
            yield lambda done: progress.advance(task, done)

    async def each(self, text: str, items: Iterable[T], act: Callable[[T], Awaitable[R]]) -> list[R]:
        """Does one thing for each item, many at a time, with progress shown; see `together`."""
        listed = list(items)
        with self.bar(text, len(listed)) as done:
            return await together(listed, act, done)


async def together(
    items: Iterable[T], act: Callable[[T], Awaitable[R]], done: Callable[[int], None] = lambda _done: None
) -> list[R]:
    """Does one thing for each item, a bounded number at a time.

    Args:
        items: The items.
        act: What to do with one.
        done: Called with 1 after each.

    Returns:
        What came of each, in the order of the items.
    """
    gate = asyncio.Semaphore(_IN_FLIGHT)

    async def one(item: T) -> R:
        async with gate:
            result = await act(item)
        done(1)
        return result

    return await asyncio.gather(*map(one, items))
