"""Reads Slack's export: an archive, or the folder that it unpacks to, with a folder a channel and a file a day.

`channels.json`, `groups.json`, `mpims.json` and `dms.json` list the channels, `users.json` the people. A day's file is
one list: its entries are numbered, not its lines. Direct conversations are called `direct:` and their members' names.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ombudctl.chat.event import ChatError, Entry, Event, Kind, Log, Unreadable
from ombudctl.chat.jsonlines import instant
from ombudctl.chat.lines import Line, MalformedError, text_of

_LISTS = ("channels.json", "groups.json", "mpims.json", "dms.json")
_KINDS = {
    "me_message": Kind.ACTION,
    "channel_join": Kind.JOIN,
    "group_join": Kind.JOIN,
    "channel_leave": Kind.PART,
    "group_leave": Kind.PART,
    "channel_topic": Kind.NOTICE,
    "channel_purpose": Kind.NOTICE,
    "channel_name": Kind.NOTICE,
    "channel_archive": Kind.NOTICE,
    "channel_unarchive": Kind.NOTICE,
    "pinned_item": Kind.NOTICE,
}

Folder = Path | zipfile.Path


def root(path: Path) -> Folder | None:
    """The export at a path; None if none is there."""
    folder: Folder = zipfile.Path(path) if path.is_file() and zipfile.is_zipfile(path) else path
    return folder if folder.is_dir() and any((folder / name).is_file() for name in _LISTS) else None


def logs(export: Folder) -> list[Log]:
    """The channels of an export.

    Raises:
        ChatError: The lists of channels or people are damaged.
        OSError: A file cannot be read.
    """
    users = {str(user.get("id")): _name(user) for user in _list(export / "users.json")}
    found: list[Log] = []
    for name in _LISTS:
        for channel in _list(export / name):
            title, folder = _channel(channel, users)
            if (export / folder).is_dir():
                found.append(Log(title, title, partial(_read, export / folder, title, users)))
    return found


def _list(file: Folder) -> list[Line]:
    if not file.is_file():
        return []
    try:
        found = json.loads(file.read_bytes())
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error):
        found = None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ChatError(f"{file.name} is damaged: no list of objects in UTF-8; export once more")
    return found


def _name(user: Line) -> str:
    return str(user.get("name") or user.get("id"))


def _channel(channel: Line, users: dict[str, str]) -> tuple[str, str]:
    """A channel's title, and the name of its folder."""
    name = str(channel.get("name") or channel.get("id"))
    if ".." in name or "/" in name:
        raise ChatError("the export lists a channel whose name can not be a folder's; export once more")
    if channel.get("name"):
        return name, name
    members = channel.get("members") or []
    return f"direct:{','.join(sorted(users.get(str(member), str(member)) for member in members))}", name


def _read(folder: Folder, channel: str, users: dict[str, str]) -> Iterator[Entry]:
    days: list[Folder] = list(folder.iterdir())
    for day in sorted(days, key=lambda each: each.name):
        if not day.name.endswith(".json"):
            continue
        yield from _day(day, f"{channel}/{day.name}", users)


def _day(day: Folder, file: str, users: dict[str, str]) -> Iterator[Entry]:
    content = b""
    try:
        content = day.read_bytes()
        messages = json.loads(content)
    except (zipfile.BadZipFile, zlib.error):
        yield Unreadable(file, 1, content, "damaged in the archive")
    except json.JSONDecodeError as error:
        yield Unreadable(file, error.lineno, content, "not JSON from this line on")
    except (ValueError, RecursionError):
        yield Unreadable(file, 1, content, "not JSON in UTF-8")
    else:
        if isinstance(messages, list):
            yield from (_entry(message, users, file, number) for number, message in enumerate(messages, 1))
        else:
            yield Unreadable(file, 1, content, "no JSON list")


def _entry(message: Any, users: dict[str, str], file: str, number: int) -> Entry:  # noqa: ANN401 - any JSON value
    try:
        return _event(message, users, file, number)
    except MalformedError as error:
        raw = json.dumps(message, separators=(",", ":")).encode()
        return Unreadable(file, number, raw, str(error))


def _event(message: Any, users: dict[str, str], file: str, number: int) -> Event:  # noqa: ANN401 - any JSON value
    if not isinstance(message, dict):
        raise MalformedError("no JSON object")
    author = _author(message, users)
    try:
        at = instant(float(text_of(message, "ts")))
    except ValueError:
        raise MalformedError("not a time") from None
    kind = _KINDS.get(str(message.get("subtype")), Kind.MESSAGE)
    text = text_of(message, "text") if message.get("text") is not None else ""
    return Event(kind, author, text, at, file, number, message)


def _author(message: Line, users: dict[str, str]) -> str:
    if isinstance(user := message.get("user"), str):
        return users.get(user, user)
    return text_of(message, "username", "bot_id")
