"""Plays the steps in order, tells them, and stops at the first thing that does not hold."""

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from rich.console import Console
from rich.table import Table

from ombud.client import OmbudError
from ombudctl.chat import ChatError, sample
from ombudctl.import_chat import keep_rejected
from ombudctl.output import CommandError, print_json
from ombudctl.story.scene import Scene, StoryError
from ombudctl.story.script import Script, read
from ombudctl.story.steps import (
    accounts,
    agreements,
    appeal,
    crash,
    duty,
    evidence,
    group,
    posts,
    records,
    tipoff,
)
from ombudctl.story.suite import Suite
from ombudctl.story.world import World
from policies import PackError, load

STEPS: tuple[tuple[str, Callable[[World, Scene], Awaitable[None]]], ...] = (
    ("Accounts, and somebody behind each", accounts.play),
    ("Agreements by version, a mark anyone can check", agreements.play),
    ("A group with caps, members and roles", group.play),
    ("The log, checked and kept", posts.play),
    ("A tip-off, and what follows from it", tipoff.play),
    ("An owner's duty", duty.play),
    ("An appeal that succeeds", appeal.play),
    ("Records, for a case and no further", records.play),
    ("Killed, and nothing lost", crash.play),
    ("One trace, every act proved", evidence.play),
)


def run(chat: Path | None, data: Path | None, policy: Path, *, as_json: bool) -> bool:
    """Plays the story.

    Args:
        chat: A chat log or a folder of logs; the made-up one that ships with the project if None.
        data: Folder to play in, absent or empty; it is kept. A passing one if None.
        policy: The policy pack.
        as_json: Print one JSON object a step and nothing else.

    Returns:
        True if every step and every proof holds.

    Raises:
        CommandError: There is no log, the folder is not empty, the pack is broken, or the suite does not start.
        OSError: A file cannot be read or written.
    """
    console = Console(quiet=as_json)
    if data is None:
        with tempfile.TemporaryDirectory(prefix="ombud-demo-") as passing:
            return _in(Path(passing), chat, policy, console, as_json=as_json)
    if data.exists() and any(data.iterdir()):
        raise CommandError(f"{data}: not empty", "The story starts on a fresh folder: name another one.")
    data.mkdir(parents=True, exist_ok=True)
    good = _in(data, chat, policy, console, as_json=as_json)
    console.print(
        f"Kept in {data}. Look again: ombud up --data {data}, then ombud trace TRACE --data {data}", highlight=False
    )
    return good


def _in(data: Path, chat: Path | None, policy: Path, console: Console, *, as_json: bool) -> bool:
    try:
        script, pack = read(chat or sample()), load(policy)
    except (ChatError, PackError) as error:
        raise CommandError(str(error)) from error
    keep_rejected(data / "rejected.txt", script.unreadable)
    _introduce(console, script, chat)
    return asyncio.run(_play(World(Suite(data, policy), script, pack), console, as_json=as_json))


def _introduce(console: Console, script: Script, chat: Path | None) -> None:
    log = chat or "the made-up log that ships with the project"
    console.print(
        f"[bold]The story of Ombud[/], on {log}: {len(script.lines)} events by {len(script.people)} people.\n"
        "The suite runs in a process of its own; everything goes through its gRPC API with the client that platforms"
        " install. Its clock is the machine's, and the story says so whenever it puts it forward.\n"
        "[green]✓[/] is a thing proved, [yellow]✋[/] a refusal that the rules demand.",
        highlight=False,
    )


async def _play(world: World, console: Console, *, as_json: bool) -> bool:
    table = Table("step", "", "proofs", "seconds", title="The story, proved", title_justify="left")
    async with world.suite:
        for number, (title, step) in enumerate(STEPS, 1):
            console.rule(f"[bold]{number}. {title}", align="left")
            scene = Scene(console)
            begun = perf_counter()
            problem = await _one(world, scene, number, step)
            seconds = round(perf_counter() - begun, 2)
            if as_json:
                figures = {"proofs": scene.proofs, **scene.figures, "trace_id": world.traces[number]}
                told = {"step": number, "title": title, "ok": not problem, "seconds": seconds, "figures": figures}
                print_json(told | ({"problem": problem} if problem else {}))
            if problem:
                console.print(f"[bold red]does not hold[/]: {problem}", highlight=False)
                return False
            table.add_row(str(number), title, str(scene.proofs), f"{seconds:.1f}")
    console.print(table)
    return True


async def _one(world: World, scene: Scene, number: int, step: Callable[[World, Scene], Awaitable[None]]) -> str:
    """Plays a step under a trace of its own; gives what does not hold, or nothing."""
    with _trace() as trace_id:
        world.traces[number] = trace_id
        scene.console.print(f"  trace {trace_id}", style="dim", highlight=False)
        try:
            await step(world, scene)
        except StoryError as error:
            return str(error)
        except OmbudError as error:
            return f"a call was refused that should not be: {error}"
        except BaseExceptionGroup as group:
            _, other = group.split((StoryError, OmbudError, CommandError))
            if other:
                raise
            return "; ".join(map(str, group.exceptions))
    return ""


@contextmanager
def _trace() -> Iterator[str]:
    """Gives everything within one W3C trace id."""
    context = SpanContext(
        secrets.randbits(128) | 1, secrets.randbits(64) | 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    with trace.use_span(NonRecordingSpan(context)):
        yield f"{context.trace_id:032x}"
