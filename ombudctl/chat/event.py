"""What chat logs have in common, whatever their format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class ChatError(Exception):
    """There is nothing to read; the text says what would do."""


class Kind(Enum):
    """What happened."""

    MESSAGE = "message"
    ACTION = "action"
    JOIN = "join"
    PART = "part"
    NICK = "nick"
    NOTICE = "notice"


@dataclass(frozen=True)
class Event:
    """Something that happened in the channel.

    Attributes:
        kind: What it was.
        nick: Who did it, as the log calls them at that moment.
        text: What was written; the new nickname of a change; the channel of a join or a part.
        at: When, UTC; as exactly as the log says.
        file: Name of the file.
        line: Number of the line, or of the entry where a file is one list; from 1.
        source: The entry as the export has it, where that is structured: it may say more than the fields above.
    """

    kind: Kind
    nick: str
    text: str
    at: datetime
    file: str
    line: int
    source: object = None

    @property
    def posted(self) -> bool:
        """Whether somebody wrote something."""
        return self.kind in (Kind.MESSAGE, Kind.ACTION)


@dataclass(frozen=True)
class Unreadable:
    """A line that nothing in the format explains.

    Attributes:
        file: Name of the file.
        line: Number of the line, or of the entry where a file is one list; from 1.
        raw: The line as it stands, without its end.
        reason: What is wrong with it.
    """

    file: str
    line: int
    raw: bytes
    reason: str


Entry = Event | Unreadable


@dataclass(frozen=True)
class Log:
    """The history of one channel, or of one file where the format knows no channels.

    Attributes:
        name: What it is called: the same whenever the same export is read.
        channel: The channel; empty if the format names none.
        read: Reads it from its beginning, in the order in which it was written; each time the same.
    """

    name: str
    channel: str
    read: Callable[[], Iterator[Entry]]
