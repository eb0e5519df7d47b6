"""JSON Lines, Slack's and Mattermost's exports, told apart by what they hold."""

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombudctl.chat import ChatError, Event, Kind, Log, Unreadable, logs
from ombudctl.import_chat import body_of

MORNING = datetime(2026, 3, 14, 9, 5, tzinfo=UTC)
MILLIS = int(MORNING.timestamp() * 1000)


def write_lines(file: Path, *lines: object) -> Path:
    """Writes lines; bytes as they are, everything else as JSON."""
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    file.write_bytes(b"\n".join(encoded) + b"\n")
    return file


def events(log: Log) -> list[Event]:
    return [entry for entry in log.read() if isinstance(entry, Event)]


def faults(found: list[Log]) -> list[tuple[str, int, str]]:
    entries = [entry for log in found for entry in log.read()]
    return [(entry.file, entry.line, entry.reason) for entry in entries if isinstance(entry, Unreadable)]


def said(log: Log) -> list[tuple[Kind, str, str]]:
    return [(event.kind, event.nick, event.text) for event in events(log)]


@pytest.mark.parametrize(
    "line",
    [
        {"time": "2026-03-14T09:05:00Z", "nick": "marlow", "text": "ahoy"},
        {"time": "2026-03-14T10:05:00+01:00", "nick": "marlow", "text": "ahoy", "kind": "message"},
        {"timestamp": MILLIS, "user": "marlow", "message": "ahoy"},
        {"ts": MILLIS / 1000, "author": "marlow", "body": "ahoy"},
    ],
)
def test_json_line_is_an_event_under_any_of_the_common_names(tmp_path: Path, line: dict[str, Any]) -> None:
    (log,) = logs(write_lines(tmp_path / "chat.jsonl", line))
    (event,) = events(log)
    assert (event.kind, event.nick, event.text, event.at) == (Kind.MESSAGE, "marlow", "ahoy", MORNING)
    assert (log.name, log.channel) == ("chat.jsonl", "")
    assert json.loads(body_of(event))["source"] == line


def test_json_lines_are_parted_by_channel_in_their_order(tmp_path: Path) -> None:
    named = [("tide", "one"), ("dock", "two"), ("tide", "three")]
    lines = [{"time": MILLIS, "nick": "a", "text": text, "channel": channel} for channel, text in named]
    tide, dock = logs(write_lines(tmp_path / "chat.log", *lines))
    assert (tide.name, tide.channel, dock.channel) == ("chat.log#tide", "tide", "dock")
    assert [event.text for event in events(tide)] == ["one", "three"]
    assert [event.line for event in events(tide)] == [1, 3]
    assert [event.text for event in events(dock)] == ["two"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": "\xff"}', "not UTF-8"),
        (b"[]", "no JSON object"),
        ({"nick": "a", "text": "x"}, "no time"),
        ({"time": "yesterday", "nick": "a", "text": "x"}, "not a time"),
        ({"time": "2026-03-14T09:05:00", "nick": "a", "text": "x"}, "without an offset"),
        ({"time": 1e300, "nick": "a", "text": "x"}, "not a time"),
        ({"time": True, "nick": "a", "text": "x"}, "not a time"),
        ({"time": MILLIS, "text": "x"}, "no nick"),
        ({"time": MILLIS, "nick": "a"}, "no text"),
        ({"time": MILLIS, "nick": "a", "text": 5}, "text is no text"),
        ({"time": MILLIS, "nick": "a", "text": "\ud800"}, "text is no text"),
        ({"time": MILLIS, "nick": "a", "text": "x", "kind": "shout"}, "a kind that is not known"),
        ({"time": MILLIS, "nick": "a", "text": "x", "channel": 5}, "channel is no text"),
    ],
)
def test_unreadable_json_line_is_kept_with_its_number(tmp_path: Path, line: object, reason: str) -> None:
    good = {"time": MILLIS, "nick": "a", "text": "x"}
    (log,) = logs(write_lines(tmp_path / "chat.jsonl", good, line, good))
    before, fault, after = log.read()
    assert isinstance(before, Event)
    assert isinstance(after, Event)
    assert isinstance(fault, Unreadable)
    assert (fault.file, fault.line) == ("chat.jsonl", 2)
    assert reason in fault.reason
    assert fault.raw == (line if isinstance(line, bytes) else json.dumps(line).encode())


@given(content=st.lists(st.binary(max_size=40) | st.sampled_from([b'{"type":"post"}', b"{}", b"3"]), max_size=12))
def test_every_line_is_an_event_or_kept_aside(tmp_path_factory: pytest.TempPathFactory, content: list[bytes]) -> None:
    file = write_lines(tmp_path_factory.mktemp("lines") / "chat.jsonl", *content)
    numbers = [entry.line for log in logs(file) for entry in log.read()]
    assert numbers == [number for number, line in enumerate(file.read_bytes().split(b"\n"), 1) if line.strip()]


def test_half_a_character_in_the_source_does_not_stop_the_record(tmp_path: Path) -> None:
    line = {"time": MILLIS, "nick": "a", "text": "x", "more": "\udc00"}
    ((event,),) = [events(log) for log in logs(write_lines(tmp_path / "chat.jsonl", line))]
    assert json.loads(body_of(event))["source"] == line


POST = {"team": "harbour", "channel": "tide", "user": "marlow", "message": "low water", "create_at": MILLIS}
REPLY = {"user": "fennel", "message": "at last", "create_at": MILLIS + 1}
VERSION = {"type": "version", "version": 1}


def test_mattermost_posts_with_their_replies_are_events_and_the_rest_is_not(tmp_path: Path) -> None:
    direct = {"channel_members": ["marlow", "fennel"], "user": "fennel", "message": "psst", "create_at": MILLIS}
    file = write_lines(
        tmp_path / "import.jsonl",
        VERSION,
        {"type": "team", "team": {"name": "harbour"}},
        {"type": "channel", "channel": {"team": "harbour", "name": "tide"}},
        {"type": "user", "user": {"username": "marlow"}},
        {"type": "post", "post": POST | {"replies": [REPLY]}},
        {"type": "post", "post": POST | {"type": "system_join_channel", "message": "marlow joined"}},
        {"type": "post", "post": POST | {"type": "me", "message": "yawns"}},
        {"type": "direct_post", "direct_post": direct},
    )
    tide, aside = logs(file)
    assert (tide.channel, aside.channel) == ("harbour/tide", "direct:fennel,marlow")
    assert said(tide) == [
        (Kind.MESSAGE, "marlow", "low water"),
        (Kind.MESSAGE, "fennel", "at last"),
        (Kind.JOIN, "marlow", "marlow joined"),
        (Kind.ACTION, "marlow", "yawns"),
    ]
    assert [event.source for event in events(tide)[:2]] == [POST, REPLY]
    assert said(aside) == [(Kind.MESSAGE, "fennel", "psst")]
    assert not faults([tide, aside])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"type": "post"}, "no post"),
        ({"type": "post", "post": POST | {"channel": None}}, "no channel"),
        ({"type": "post", "post": POST | {"create_at": None}}, "no time"),
        ({"type": "post", "post": POST | {"replies": [3]}}, "replies"),
        ({"type": "post", "post": POST | {"replies": [{"user": "a", "create_at": 1}]}}, "no message"),
        ({"type": "direct_post", "direct_post": POST}, "channel_members"),
        ({"kind": "post"}, "no type"),
        (b"{", "not JSON"),
    ],
)
def test_unreadable_mattermost_line_is_kept_as_a_whole(tmp_path: Path, line: object, reason: str) -> None:
    found = logs(write_lines(tmp_path / "import.jsonl", VERSION, line))
    ((file, number, why),) = faults(found)
    assert (file, number) == ("import.jsonl", 2)
    assert reason in why
    assert not [event for log in found for event in events(log)]


def test_mattermost_export_of_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="version 1"):
        logs(write_lines(tmp_path / "import.jsonl", {"type": "version", "version": 2}))


def slack_export(folder: Path) -> Path:
    """A small export: a public channel over two days, a private one, a direct conversation."""
    files: dict[str, object] = {
        "users.json": [{"id": "U1", "name": "marlow"}, {"id": "U2", "name": "fennel"}],
        "channels.json": [{"id": "C1", "name": "tide"}, {"id": "C2", "name": "never-used"}],
        "groups.json": [{"id": "G1", "name": "crew"}],
        "dms.json": [{"id": "D1", "members": ["U2", "U1"]}],
        "tide/2026-03-15.json": [
            {"type": "message", "user": "U9", "text": "who am I", "ts": "1773565500.000100"},
            {"type": "message", "subtype": "bot_message", "bot_id": "B1", "ts": "1773565501.0"},
        ],
        "tide/2026-03-14.json": [
            {"type": "message", "subtype": "channel_join", "user": "U1", "text": "joined", "ts": "1773479100.000001"},
            {"type": "message", "user": "U1", "text": "señal \N{WAVING HAND SIGN}", "ts": "1773479101.000002"},
            {"type": "message", "text": "nobody's", "ts": "1773479102.0"},
            ["not", "an", "object"],
            {"type": "message", "user": "U2", "text": "x", "ts": "soon"},
            {"type": "message", "subtype": "me_message", "user": "U2", "text": "waves", "ts": "1773479103.0"},
        ],
        "crew/2026-03-14.json": [{"type": "message", "user": "U2", "text": "aye", "ts": "1773479104.0"}],
        "D1/2026-03-14.json": [{"type": "message", "user": "U2", "text": "psst", "ts": "1773479105.0"}],
    }
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(value))
    return folder


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder.with_name("export")), "zip", folder))


@pytest.mark.parametrize("archive", [False, True])
def test_slack_export_is_read_by_channel_and_day(tmp_path: Path, *, archive: bool) -> None:
    export = slack_export(tmp_path / "slack")
    tide, crew, direct = found = logs(zipped(export) if archive else export)
    assert [log.channel for log in found] == ["tide", "crew", "direct:fennel,marlow"]
    assert said(tide) == [
        (Kind.JOIN, "marlow", "joined"),
        (Kind.MESSAGE, "marlow", "señal \N{WAVING HAND SIGN}"),
        (Kind.ACTION, "fennel", "waves"),
        (Kind.MESSAGE, "U9", "who am I"),
        (Kind.MESSAGE, "B1", ""),
    ]
    assert events(tide)[1].at == datetime(2026, 3, 14, 9, 5, 1, 2, tzinfo=UTC)
    assert events(tide)[3].file == "tide/2026-03-15.json"
    assert said(crew) == [(Kind.MESSAGE, "fennel", "aye")]
    assert said(direct) == [(Kind.MESSAGE, "fennel", "psst")]
    day = "tide/2026-03-14.json"
    assert faults(found) == [(day, 3, "no username"), (day, 4, "no JSON object"), (day, 5, "not a time")]


def test_damaged_day_of_slack_is_kept_aside_and_the_others_are_read(tmp_path: Path) -> None:
    export = slack_export(tmp_path / "slack")
    (export / "tide" / "2026-03-14.json").write_bytes(b'[{"type":\n')
    (export / "tide" / "2026-03-13.json").write_bytes(b"\xff\xfe[")
    (export / "crew" / "2026-03-14.json").write_bytes(b"{}")
    found = logs(export)
    assert faults(found) == [
        ("tide/2026-03-13.json", 1, "not JSON in UTF-8"),
        ("tide/2026-03-14.json", 2, "not JSON from this line on"),
        ("crew/2026-03-14.json", 1, "no JSON list"),
    ]
    assert [event.nick for event in events(found[0])] == ["U9", "B1"]


def test_day_that_is_damaged_in_the_archive_is_kept_aside(tmp_path: Path) -> None:
    archive = zipped(slack_export(tmp_path / "slack"))
    with zipfile.ZipFile(archive) as members:
        place = members.getinfo("crew/2026-03-14.json")
        start = place.header_offset + 30 + len(place.filename) + len(place.extra)
    content = bytearray(archive.read_bytes())
    content[start + 10] ^= 0xFF
    archive.write_bytes(content)
    assert faults(logs(archive))[-1] == ("crew/2026-03-14.json", 1, "damaged in the archive")


@pytest.mark.parametrize("damage", [b"{", b"{}", b"[3]", b'["\\ud800"]', b'[{"id": "C1", "name": "../tide"}]'])
def test_damaged_list_of_slack_channels_is_refused(tmp_path: Path, damage: bytes) -> None:
    export = slack_export(tmp_path / "slack")
    (export / "channels.json").write_bytes(damage)
    with pytest.raises(ChatError, match="export once more"):
        logs(export)


def test_archive_that_is_not_slacks_is_told_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "import.jsonl").write_text("{}")
    with pytest.raises(ChatError, match="unpack"):
        logs(zipped(tmp_path / "data"))


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    for log in logs(slack_export(tmp_path / "slack")):
        assert list(log.read()) == list(log.read())
