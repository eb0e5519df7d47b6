"""Files of one JSON object a line, with the channels of a whole server in one file."""

import json
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ombudctl.chat.event import Entry, Log, Unreadable

Line = dict[str, Any]


class MalformedError(Exception):
    """An entry is not what its format says; the text says how, and never what the entry holds."""


class Format(NamedTuple):
    """How the lines of a format are understood.

    Attributes:
        channel: The channel that a line belongs to; None if it is no event of a channel.
        entries: What a line holds, from the file's name and the line's number; raises MalformedError.
    """

    channel: Callable[[Line], str | None]
    entries: Callable[[Line, str, int], Iterator[Entry]]


def logs(file: Path, form: Format) -> list[Log]:
    """The channels of a file, in the order in which they first occur.

    The file is gone through once to learn where the lines of each channel are: it need not fit into memory.

    Raises:
        OSError: The file cannot be read.
    """
    places: dict[str, _Places] = {}
    for place, number, raw in _lines(file):
        try:
            channel = form.channel(_object(raw))
        except MalformedError:
            channel = ""
        if channel is not None:
            places.setdefault(channel, _Places()).add(place, number)
    return [
        Log(f"{file.name}#{channel}" if channel else file.name, channel, partial(_read, file, form, found))
        for channel, found in places.items()
    ]


def text_of(values: Line, *names: str) -> str:
    """The text of the first field that is there.

    Raises:
        MalformedError: None is there, or it is no text.
    """
    name = next((name for name in names if values.get(name) is not None), None)
    if name is None:
        raise MalformedError(f"no {names[0]}")
    text = values[name]
    if not isinstance(text, str) or not _encodable(text):
        raise MalformedError(f"{name} is no text")
    return text


class _Places:
    """Where lines are: offset in the file and number."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._numbers = array("q")

    def add(self, offset: int, number: int) -> None:
        self._offsets.append(offset)
        self._numbers.append(number)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._offsets, self._numbers, strict=True)


def _lines(file: Path) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    with file.open("rb") as content:
        for number, raw in enumerate(content, 1):
            if raw.strip():
                yield offset, number, raw
            offset += len(raw)


def _read(file: Path, form: Format, places: _Places) -> Iterator[Entry]:
    with file.open("rb") as content:
        for offset, number in places:
            content.seek(offset)
            raw = content.readline()
            try:
                yield from form.entries(_object(raw), file.name, number)
            except MalformedError as error:
                yield Unreadable(file.name, number, raw.rstrip(b"\r\n"), str(error))


def _encodable(text: str) -> bool:
    """False for half a character, which JSON can escape and UTF-8 can not say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(raw: bytes) -> Line:
    try:
        found = json.loads(raw)
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
    except (ValueError, RecursionError):
        raise MalformedError("not JSON") from None
    if not isinstance(found, dict):
        raise MalformedError("no JSON object")
    return found
