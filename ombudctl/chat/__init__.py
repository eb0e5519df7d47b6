"""Chat logs: what they say, line by line, nothing dropped in silence."""

from ombudctl.chat.reader import ChatError, Entry, Event, Kind, Unreadable, entries, files, sample

__all__ = ["ChatError", "Entry", "Event", "Kind", "Unreadable", "entries", "files", "sample"]
