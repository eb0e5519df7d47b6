"""`ombud import chat`: the events of a chat log, appended to retention."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import grpc.aio
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ombud.client import OmbudError, Producer
from ombudctl.chat import ChatError, Event, Log, Unreadable, logs
from ombudctl.output import CommandError, print_json
from ombudctl.suite import reach
from ombudctl.token import issuer

MOST_BODY_BYTES = 65_535


def body_of(event: Event) -> bytes:
    """An event as the record that is kept: compact JSON in UTF-8."""
    where = f"{event.file}:{event.line}"
    record: dict[str, object] = {"kind": event.kind.value, "nick": event.nick, "text": event.text, "line": where}
    if event.source is not None:
        record["source"] = event.source
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a character somewhere in the source: JSON can say it escaped alone.
        return json.dumps(record, separators=(",", ":")).encode()


def producer_name(group_id: str, log: str) -> str:
    """The producer of one log in one group: the same for each run, so that nothing is appended twice."""
    return f"import-{hashlib.sha256(f'{group_id}/{log}'.encode()).hexdigest()[:16]}"


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


class _Record(NamedTuple):
    at: datetime
    body: bytes


@dataclass(frozen=True)
class _Part:
    """A log, the group that it goes to and how many records it gives."""

    log: Log
    group_id: str
    records: int


@dataclass(frozen=True)
class _Plan:
    """What is to be imported, and what is not: unreadable lines, and the records of channels without a group."""

    parts: Sequence[_Part]
    unreadable: Sequence[Unreadable]
    left_out: Mapping[str, int]

    @property
    def records(self) -> int:
        return sum(part.records for part in self.parts)


def run(path: Path, groups: Sequence[str], rejected: Path, data: Path, target: str, *, as_json: bool) -> bool:
    """Imports a log.

    Args:
        path: The log or the export, in any format that `ombudctl.chat.logs` tells.
        groups: Id of the group for everything, or `CHANNEL=ID` for a channel.
        rejected: Where unreadable lines are kept.
        data: The suite's folder.
        target: Where the suite serves.
        as_json: Print a JSON object.

    Returns:
        True: unreadable lines and channels without a group are told, and do not fail the import.

    Raises:
        CommandError: There is nothing to read, a group's id is none, or the suite refused.
        OSError: A file cannot be read or written.
    """
    wanted = _groups(groups)
    try:
        plan = _plan(logs(path), wanted)
    except ChatError as error:
        raise CommandError(str(error)) from error
    keep_rejected(rejected, plan.unreadable)
    console = Console(stderr=True, quiet=as_json)
    asyncio.run(_append(plan, data, target, console))
    if as_json:
        faults = [{"file": line.file, "line": line.line, "reason": line.reason} for line in plan.unreadable]
        print_json(
            {
                "records": plan.records,
                "logs": len(plan.parts),
                "unreadable": faults,
                "rejected": str(rejected),
                "left_out": dict(plan.left_out),
            }
        )
        return True
    count = len({part.group_id for part in plan.parts})
    where = f"group {plan.parts[0].group_id}" if count == 1 else f"{count} groups"
    Console().print(f"{plan.records} records of {len(plan.parts)} logs are durable in {where}", highlight=False)
    for channel, records in plan.left_out.items():
        console.print(
            f"left out: {records} records of {channel}, which no --group names", markup=False, highlight=False
        )
    for line in plan.unreadable:
        console.print(f"not read: {line.file}:{line.line}: {line.reason}", markup=False, highlight=False)
    if plan.unreadable:
        console.print(f"{len(plan.unreadable)} lines are kept in {rejected}", highlight=False)
    return True


def _groups(named: Sequence[str]) -> dict[str, str]:
    """Group id by channel; by the empty text for every channel that is not named."""
    found: dict[str, str] = {}
    for text in named:
        channel, _, group = text.rpartition("=")
        try:
            found[channel] = str(UUID(group))
        except ValueError as error:
            raise CommandError(
                f"{group}: not a group's id", "Give the group_id (UUID) that CreateGroup answered."
            ) from error
    return found


def _plan(found: Iterable[Log], groups: Mapping[str, str]) -> _Plan:
    parts: list[_Part] = []
    unreadable: list[Unreadable] = []
    left_out: dict[str, int] = {}
    for log in found:
        records = 0
        for each in _records(log):
            if isinstance(each, Unreadable):
                unreadable.append(each)
            else:
                records += 1
        group_id = groups.get(log.channel) or groups.get("")
        if group_id:
            parts.append(_Part(log, group_id, records))
        elif records:
            left_out[log.channel or log.name] = records
    if not parts:
        raise ChatError(f"the groups name none of the channels: {', '.join(left_out)}")
    return _Plan(parts, unreadable, left_out)


def _records(log: Log) -> Iterator[_Record | Unreadable]:
    """What is appended of a log, and what can not be."""
    for entry in log.read():
        if isinstance(entry, Unreadable):
            yield entry
        elif len(body := body_of(entry)) > MOST_BODY_BYTES:
            yield Unreadable(entry.file, entry.line, body, f"larger than {MOST_BODY_BYTES} bytes")
        else:
            yield _Record(entry.at, body)


async def _append(plan: _Plan, data: Path, target: str, console: Console) -> None:
    token = issuer(data).workload_source("platform")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    async with reach(target, token=token) as channel:
        with Progress(*columns, console=console) as bars:
            bar, before = bars.add_task("", total=plan.records), 0
            for part in plan.parts:
                bars.update(bar, description=escape(part.log.name))
                try:
                    await _append_one(channel, part, partial(_advance, bars, bar, before))
                except OmbudError as error:
                    raise CommandError(f"{target}: {error}", f"Is the suite up? ombud up --data {data}") from error
                before += part.records


def _advance(bars: Progress, bar: TaskID, before: int, acked: int) -> None:
    bars.update(bar, completed=before + acked)


async def _append_one(channel: grpc.aio.Channel, part: _Part, progress: Callable[[int], None]) -> None:
    records = (each for each in _records(part.log) if isinstance(each, _Record))
    async with Producer(channel, producer_name(part.group_id, part.log.name), progress=progress) as producer:
        progress(producer.acked)
        for record in islice(records, producer.acked, None):
            await producer.append(part.group_id, record.at, record.body)
