"""What a chat log gives the story: who is in it, and what happens in which order."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ombudctl.chat import Event, Kind, Unreadable, entries, files


@dataclass(frozen=True)
class Line:
    """An event of the log and who did it.

    Attributes:
        event: The event.
        person: Number of the person, from 0 in the order of appearance.
    """

    event: Event
    person: int


@dataclass
class Script:
    """A chat log, with its people told apart.

    Attributes:
        people: The nickname under which each person first appears.
        lines: What happened, in order.
        unreadable: Lines that could not be read.
        files: Number of logs.
    """

    people: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    files: int = 0

    @property
    def posts(self) -> int:
        """How many lines were written by somebody."""
        return sum(line.event.posted for line in self.lines)

    @property
    def writers(self) -> list[int]:
        """The people who write something, in the order of their first post."""
        return list(dict.fromkeys(line.person for line in self.lines if line.event.posted))


def read(path: Path) -> Script:
    """Reads a log or a folder of logs.

    A nickname stands for one person. Who takes a nickname that nobody had keeps being the same person.

    Args:
        path: The log or the folder.

    Returns:
        The script.

    Raises:
        ChatError: There is no log.
        OSError: A log cannot be read.
    """
    script = Script()
    known: dict[str, int] = {}
    for file in files(path):
        script.files += 1
        _add(script, known, entries(file))
    return script


def _add(script: Script, known: dict[str, int], found: Iterable[Event | Unreadable]) -> None:
    for entry in found:
        if isinstance(entry, Unreadable):
            script.unreadable.append(entry)
            continue
        person = known.get(entry.nick)
        if person is None:
            person = known[entry.nick] = len(script.people)
            script.people.append(entry.nick)
        if entry.kind is Kind.NICK and entry.text not in known:
            known[entry.text] = person
        script.lines.append(Line(entry, person))
