"""Reads logs of Internet Relay Chat in the format of the #ubuntu archives.

A message is `[HH:MM] <nick> text`, an action `[HH:MM]  * nick text` or `=== nick text`; joins, parts, changes of
nickname and the channel's modes and topics are lines that begin with `===` and carry no time. The date stands in
the file's name (`YYYY-MM-DD`, otherwise the day the file was last changed), times are taken as UTC, a clock that
goes back has passed midnight, and lines without a time happened at the minute before them.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files as resources
from pathlib import Path

from ombudctl.chat.event import ChatError, Entry, Event, Kind, Unreadable

_SUFFIXES = {".txt", ".log"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMED = re.compile(r"\[([01]\d|2[0-3]):([0-5]\d)\] ")
_MESSAGE = re.compile(r"<([^>]+)>(?: (.*))?")
_ACTION = re.compile(r" ?\* (\S+)(?: (.*))?")
_MASK = r"(?:\s+\[[^]]*\])?"
_JOIN = re.compile(rf"(.+?){_MASK}\s+has joined (#\S+)")
_PART = re.compile(rf"(.+?){_MASK}\s+has left (#\S+)(?:\s+(.*))?")
_NICK = re.compile(r"(.+?)\s+is now known as (\S+)")
_NOTICE = re.compile(r"(?:mode|\.\.\[topic)/(#[^\s:\]]+)(?: by |:)([^\s\]]+)(.*)")
_EMOTE = re.compile(r"(\S+)\s+(.+)")


def files(path: Path) -> list[Path]:
    """The logs that a path names.

    Args:
        path: A log, or a folder with logs (`*.txt`, `*.log`).

    Returns:
        The logs, by name.

    Raises:
        ChatError: There are none.
    """
    found = [path] if path.is_file() else []
    if path.is_dir():
        found = sorted(
            file for file in path.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("README")
        )
    if not found:
        raise ChatError(f"{path}: no chat log here; name a file, or a folder with *.txt or *.log files")
    return found


def sample() -> Path:
    """The log that ships with the project: a made-up channel."""
    return Path(str(resources("ombudctl.chat.sample")))


def entries(file: Path) -> Iterator[Entry]:
    """Reads one log, line by line.

    Args:
        file: The log.

    Yields:
        An event or an unreadable line for each line that is not empty, in the file's order.

    Raises:
        OSError: The file cannot be read.
    """
    clock = _Clock(_day(file))
    # Lines end at line feeds alone: what people paste holds other separators that Python would split at.
    for number, raw in enumerate(file.read_bytes().split(b"\n"), 1):
        stripped = raw.removesuffix(b"\r")
        if stripped.strip():
            yield _entry(stripped, clock, file.name, number)


class _Clock:
    """The time of the line being read."""

    def __init__(self, day: date) -> None:
        self.now = datetime.combine(day, time(), UTC)

    def set(self, hour: int, minute: int) -> None:
        now = self.now.replace(hour=hour, minute=minute)
        self.now = now if now >= self.now else now + timedelta(days=1)


def _day(file: Path) -> date:
    named = _DATE.search(file.name)
    if named:
        try:
            return date.fromisoformat(named[0])
        except ValueError:
            pass
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date()


def _entry(raw: bytes, clock: _Clock, file: str, number: int) -> Entry:
    try:
        line = raw.decode()
    except UnicodeDecodeError:
        return Unreadable(file, number, raw, "not UTF-8")
    if timed := _TIMED.match(line):
        parsed = _said(line[timed.end() :])
        if parsed:
            clock.set(int(timed[1]), int(timed[2]))
    elif line.startswith("==="):
        parsed = _told(line.removeprefix("===").strip())
    else:
        return Unreadable(file, number, raw, "neither [HH:MM] nor ===")
    if not parsed:
        return Unreadable(file, number, raw, "no name with something said or done")
    kind, nick, text = parsed
    return Event(kind, nick, text, clock.now, file, number)


def _said(rest: str) -> tuple[Kind, str, str] | None:
    for kind, form in ((Kind.MESSAGE, _MESSAGE), (Kind.ACTION, _ACTION)):
        found = form.fullmatch(rest)
        if found and found[1].strip():
            return kind, found[1].strip(), found[2] or ""
    return None


def _told(rest: str) -> tuple[Kind, str, str] | None:
    for kind, form in ((Kind.JOIN, _JOIN), (Kind.PART, _PART), (Kind.NICK, _NICK)):
        if found := form.fullmatch(rest):
            return kind, found[1], found[2]
    if found := _NOTICE.fullmatch(rest):
        return Kind.NOTICE, found[2], rest
    if found := _EMOTE.fullmatch(rest):
        return Kind.ACTION, found[1], found[2]
    return None
