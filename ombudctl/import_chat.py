"""`ombud import chat`: the events of a chat log, appended to retention."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import grpc.aio
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ombud.client import OmbudError, Producer, connect
from ombudctl.chat import ChatError, Entry, Event, Unreadable, entries, files
from ombudctl.output import CommandError, print_json
from ombudctl.token import issuer


def body_of(event: Event) -> bytes:
    """An event as the record that is kept: compact JSON in UTF-8."""
    record = {"kind": event.kind.value, "nick": event.nick, "text": event.text, "line": f"{event.file}:{event.line}"}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def producer_name(group_id: str, file: Path) -> str:
    """The producer of one log in one group: the same for each run, so that nothing is appended twice."""
    return f"import-{hashlib.sha256(f'{group_id}/{file.name}'.encode()).hexdigest()[:16]}"


def keep_rejected(path: Path, rejected: Sequence[Unreadable]) -> None:
    """Keeps unreadable lines, each with its file, number and fault before it, as it stood.

    Args:
        path: The file; it is not touched if there is nothing to keep.
        rejected: The lines.

    Raises:
        OSError: The file cannot be written.
    """
    if rejected:
        lines = [f"{line.file}:{line.line}: {line.reason}\t".encode() + line.raw + b"\n" for line in rejected]
        path.write_bytes(b"".join(lines))


def run(path: Path, group: str, rejected: Path, data: Path, target: str, *, as_json: bool) -> bool:
    """Imports a log.

    Args:
        path: The log, or a folder of logs.
        group: Id of the group.
        rejected: Where unreadable lines are kept.
        data: The suite's folder.
        target: Where the suite serves.
        as_json: Print a JSON object.

    Returns:
        True: unreadable lines are told and kept, and do not fail the import.

    Raises:
        CommandError: There is nothing to read, the group's id is none, or the suite refused.
        OSError: A file cannot be read or written.
    """
    try:
        group_id = str(UUID(group))
        logs = [(file, list(entries(file))) for file in files(path)]
    except ValueError as error:
        raise CommandError(
            f"{group}: not a group's id", "Give the group_id (UUID) that CreateGroup answered."
        ) from error
    except ChatError as error:
        raise CommandError(str(error)) from error
    unreadable = [entry for _, found in logs for entry in found if isinstance(entry, Unreadable)]
    keep_rejected(rejected, unreadable)
    console = Console(stderr=True, quiet=as_json)
    appended = asyncio.run(_append(logs, group_id, data, target, console))
    if as_json:
        faults = [{"file": line.file, "line": line.line, "reason": line.reason} for line in unreadable]
        print_json({"records": appended, "files": len(logs), "unreadable": faults, "rejected": str(rejected)})
        return True
    Console().print(f"{appended} records of {len(logs)} files are durable in group {group_id}", highlight=False)
    for line in unreadable:
        console.print(f"not read: {line.file}:{line.line}: {line.reason}", markup=False, highlight=False)
    if unreadable:
        console.print(f"{len(unreadable)} lines are kept in {rejected}", highlight=False)
    return True


async def _append(
    logs: Iterable[tuple[Path, list[Entry]]], group_id: str, data: Path, target: str, console: Console
) -> int:
    token = issuer(data).workload_source("platform")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    durable = 0
    async with connect(target, token=token) as channel:
        with Progress(*columns, console=console) as bars:
            for file, found in logs:
                events = [entry for entry in found if isinstance(entry, Event)]
                bar = bars.add_task(file.name, total=len(events))
                try:
                    await _append_one(channel, file, events, group_id, partial(_advance, bars, bar))
                except OmbudError as error:
                    raise CommandError(f"{target}: {error}", f"Is the suite up? ombud up --data {data}") from error
                durable += len(events)
    return durable


def _advance(bars: Progress, bar: TaskID, acked: int) -> None:
    bars.update(bar, completed=acked)


async def _append_one(
    channel: grpc.aio.Channel, file: Path, events: Sequence[Event], group_id: str, progress: Callable[[int], None]
) -> None:
    async with Producer(channel, producer_name(group_id, file), progress=progress) as producer:
        progress(producer.acked)
        for event in events[producer.acked :]:
            await producer.append(group_id, event.at, body_of(event))
