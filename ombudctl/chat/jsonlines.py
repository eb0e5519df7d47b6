"""Reads JSON Lines: one object an event.

    {"time": "2026-03-14T09:05:00Z", "nick": "marlow", "text": "mind the gap", "channel": "tidepool", "kind": "message"}

`time` is RFC 3339 with an offset, or a number: seconds since 1970, milliseconds from 100,000,000,000 on. `channel`
and `kind` may be absent. Other names that chats use for the same are understood: see `_TIME` and those below it. What
else an object holds is kept with the event.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ombudctl.chat import lines
from ombudctl.chat.event import Entry, Event, Kind, Log
from ombudctl.chat.lines import Line, MalformedError, text_of

_TIME = ("time", "timestamp", "ts", "created_at", "date")
_NICK = ("nick", "user", "username", "author", "sender", "from")
_TEXT = ("text", "message", "body", "content")
_CHANNEL = ("channel", "room")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000


def logs(file: Path) -> list[Log]:
    """The channels of a file; one without a name if its lines name none.

    Raises:
        OSError: The file cannot be read.
    """
    return lines.logs(file, lines.Format(_channel, _entries))


def instant(value: object) -> datetime:
    """When something happened.

    Raises:
        MalformedError: That is no time.
    """
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            if at.tzinfo is None:
                raise MalformedError("a time without an offset")
            return at.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            unit = "milliseconds" if abs(value) >= _MILLISECONDS_FROM else "seconds"
            return _EPOCH + timedelta(**{unit: value})
    except (ValueError, OverflowError):
        pass
    raise MalformedError("no time" if value is None else "not a time")


def _channel(line: Line) -> str:
    return text_of(line, *_CHANNEL) if any(line.get(name) is not None for name in _CHANNEL) else ""


def _entries(line: Line, file: str, number: int) -> Iterator[Entry]:
    _channel(line)
    try:
        kind = Kind(line.get("kind", Kind.MESSAGE.value))
    except ValueError:
        raise MalformedError("a kind that is not known") from None
    at = instant(next((line[name] for name in _TIME if line.get(name) is not None), None))
    yield Event(kind, text_of(line, *_NICK), text_of(line, *_TEXT), at, file, number, line)
