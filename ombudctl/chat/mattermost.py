"""Reads Mattermost's bulk export: a file of one JSON object a line, the first of them with the format's version.

Channels are called `team/channel`, direct ones `direct:` and the names of their members. Posts and the replies that
stand within them are events; the lines that set up teams, channels, users and the like are not.
"""

from collections.abc import Iterator
from pathlib import Path

from ombudctl.chat import lines
from ombudctl.chat.event import ChatError, Entry, Event, Kind, Log
from ombudctl.chat.jsonlines import instant
from ombudctl.chat.lines import Line, MalformedError, text_of

_VERSION = 1
_KINDS = {
    "me": Kind.ACTION,
    "system_join_channel": Kind.JOIN,
    "system_add_to_channel": Kind.JOIN,
    "system_leave_channel": Kind.PART,
    "system_remove_from_channel": Kind.PART,
}


def logs(file: Path) -> list[Log]:
    """The channels of an export.

    Raises:
        ChatError: It has a version that is not known.
        OSError: The file cannot be read.
    """
    return lines.logs(file, lines.Format(_channel, _entries))


def check_version(first: Line) -> None:
    """Returns if the first line of an export names the version that is known.

    Raises:
        ChatError: It names another.
    """
    if first.get("version") != _VERSION:
        raise ChatError("a Mattermost export of a version that is not known; version 1 would do")


def _channel(line: Line) -> str | None:
    kind = line.get("type")
    if kind == "post":
        post = _inner(line, "post")
        return f"{text_of(post, 'team')}/{text_of(post, 'channel')}"
    if kind == "direct_post":
        members = _inner(line, "direct_post").get("channel_members")
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise MalformedError("no channel_members")
        return f"direct:{','.join(sorted(members))}"
    if not isinstance(kind, str) or not isinstance(line.get(kind), dict | int):
        raise MalformedError("no type with what belongs to it")
    return None


def _entries(line: Line, file: str, number: int) -> Iterator[Entry]:
    _channel(line)
    post = _inner(line, str(line["type"]))
    replies = post.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
        raise MalformedError("replies that are none")
    own = {name: value for name, value in post.items() if name != "replies"}
    # All of them before the first goes out: a line is read as a whole or kept aside as a whole.
    yield from [_event(each, file, number) for each in (own, *replies)]


def _event(post: Line, file: str, number: int) -> Event:
    kind = post.get("type") or ""
    if not isinstance(kind, str):
        raise MalformedError("type is no text")
    told = Kind.NOTICE if kind.startswith("system_") else Kind.MESSAGE
    at = instant(post.get("create_at"))
    return Event(_KINDS.get(kind, told), text_of(post, "user"), text_of(post, "message"), at, file, number, post)


def _inner(line: Line, name: str) -> Line:
    inner = line.get(name)
    if not isinstance(inner, dict):
        raise MalformedError(f"no {name}")
    return inner
