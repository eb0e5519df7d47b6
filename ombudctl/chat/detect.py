"""Tells by the content which format a chat log has."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from ombudctl.chat import irc, jsonlines, mattermost, slack
from ombudctl.chat.event import ChatError, Log

_LINES = {".jsonl", ".ndjson"}
_MOST_FIRST_LINE = 1 << 20


def logs(path: Path) -> list[Log]:
    """What can be read at a path.

    Args:
        path: A log of IRC, a file of JSON Lines, Mattermost's bulk export, Slack's export (the archive or its
            folder), or a folder with files of the first two.

    Returns:
        The logs, in a lasting order.

    Raises:
        ChatError: There are none.
        OSError: A file cannot be read.
    """
    if export := slack.root(path):
        return slack.logs(export)
    if path.is_dir() and (found := sorted(file for file in path.iterdir() if file.suffix in _LINES)):
        return _all(found)
    return _all(irc.files(path))


def _all(files: Iterable[Path]) -> list[Log]:
    return [log for file in files for log in _of_file(file)]


def _of_file(file: Path) -> list[Log]:
    first = _first_object(file)
    if first is None and file.suffix not in _LINES:
        return [Log(file.name, "", partial(irc.entries, file))]
    if first is not None and first.get("type") == "version":
        mattermost.check_version(first)
        return mattermost.logs(file)
    return jsonlines.logs(file)


def _first_object(file: Path) -> dict[str, Any] | None:
    """The JSON object on the first line that is not empty; None if there is none."""
    with file.open("rb") as content:
        first = next((line for line in iter(partial(content.readline, _MOST_FIRST_LINE), b"") if line.strip()), b"")
    if first.startswith(b"PK"):
        raise ChatError(f"{file}: an archive, and not Slack's; unpack it and name the file within")
    try:
        found = json.loads(first)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
