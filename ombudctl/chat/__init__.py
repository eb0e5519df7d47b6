"""Chat logs: what they say, line by line, nothing dropped in silence."""

from ombudctl.chat.detect import logs
from ombudctl.chat.event import ChatError, Entry, Event, Kind, Log, Unreadable
from ombudctl.chat.irc import entries, files, sample

__all__ = ["ChatError", "Entry", "Event", "Kind", "Log", "Unreadable", "entries", "files", "logs", "sample"]
