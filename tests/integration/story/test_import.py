"""Importing an export of many channels into a running suite."""

import json
from pathlib import Path

import grpc.aio
import pytest

from chassis.ids import new_id
from ombud.client import Producer, connect
from ombud.retention.v1.ingest_service_pb2 import GetProgressRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombudctl.chat import Event, Log, logs
from ombudctl.import_chat import MOST_BODY_BYTES, body_of, producer_name
from tests.integration.story.shell import Said, Up, ombud, started

TIDE = "018f0000-0000-7000-8000-00000000001a"
DOCK = "018f0000-0000-7000-8000-00000000001b"


def export(file: Path, *, most: int = 300) -> Path:
    """JSON Lines of three channels, with a line that is none and one that is too large."""
    lines = [
        json.dumps({"time": 1_773_479_100 + at, "nick": "marlow", "text": f"word {at}", "channel": channel})
        for at in range(most)
        for channel in ("tide", "dock", "attic")
    ]
    large = json.dumps({"time": 1, "nick": "marlow", "text": "x" * MOST_BODY_BYTES, "channel": "tide"})
    file.write_text("\n".join([*lines[:4], "nonsense", large, *lines[4:]]) + "\n")
    return file


def import_chat(running: Up, folder: Path, path: Path, *groups: str) -> Said:
    options = [part for group in groups for part in ("--group", group)]
    return ombud(
        "import", "chat", path, *options, "--data", running.data, "--target", running.target, "--json", folder=folder
    )


def calling(running: Up) -> grpc.aio.Channel:
    """A channel of the platform."""
    token = ombud("token", "--workload", "platform", "--data", running.data, folder=running.data).out.strip()
    return connect(running.target, token=token)


async def acked_on(channel: grpc.aio.Channel, group_id: str, log: Log) -> int:
    request = GetProgressRequest(producer=producer_name(group_id, log.name))
    return (await IngestServiceStub(channel).GetProgress(request)).acked_sequence


async def acked(running: Up, group_id: str, log: Log) -> int:
    async with calling(running) as channel:
        return await acked_on(channel, group_id, log)


async def test_channels_go_to_their_groups_and_what_does_not_is_told(running: Up, tmp_path: Path) -> None:
    path = export(tmp_path / "channels.jsonl")
    said = import_chat(running, tmp_path, path, f"tide={TIDE}", f"dock={DOCK}")
    assert said.code == 0, said.err
    (told,) = said.lines
    assert (told["records"], told["logs"], told["left_out"]) == (600, 2, {"attic": 300})
    reasons = {fault["line"]: fault["reason"] for fault in told["unreadable"]}
    assert reasons == {5: "not JSON", 6: f"larger than {MOST_BODY_BYTES} bytes"}
    kept = (tmp_path / "chat.rejected").read_text()
    assert "channels.jsonl:5: not JSON\tnonsense\n" in kept
    tide, dock, attic, *_ = logs(path)
    assert [await acked(running, TIDE, tide), await acked(running, DOCK, dock)] == [300, 300]
    assert await acked(running, DOCK, attic) == 0


async def test_group_without_a_channel_takes_what_no_other_names(running: Up, tmp_path: Path) -> None:
    path = export(tmp_path / "rest.jsonl", most=5)
    (told,) = import_chat(running, tmp_path, path, f"tide={TIDE}", DOCK).lines
    assert (told["records"], told["left_out"]) == (15, {})
    tide, dock, attic, *_ = logs(path)
    assert [await acked(running, *each) for each in ((TIDE, tide), (DOCK, dock), (DOCK, attic))] == [5, 5, 5]


def irc(folder: Path) -> Path:
    file = folder / "tide-2026-03-14.txt"
    lines = [f"[09:{at:02}] <marlow> word {at}" for at in range(40)]
    file.write_text("\n".join([*lines[:9], "nonsense", *lines[9:]]) + "\n")
    return file


def json_lines(folder: Path) -> Path:
    lines = [json.dumps({"time": 1_773_479_100 + at, "nick": "marlow", "text": f"word {at}"}) for at in range(40)]
    (folder / "tide.jsonl").write_text("\n".join([*lines[:9], "nonsense", *lines[9:]]) + "\n")
    return folder / "tide.jsonl"


def slack(folder: Path) -> Path:
    said: list[object] = [{"type": "message", "user": "U1", "text": f"{at}", "ts": f"{at}.0"} for at in range(40)]
    files = {
        "users.json": [{"id": "U1", "name": "marlow"}],
        "channels.json": [{"id": "C1", "name": "tide"}],
        "tide/2026-03-14.json": [*said[:9], "nonsense", *said[9:25]],
        "tide/2026-03-15.json": said[25:],
    }
    (folder / "slack" / "tide").mkdir(parents=True)
    for name, value in files.items():
        (folder / "slack" / name).write_text(json.dumps(value))
    return folder / "slack"


def mattermost(folder: Path) -> Path:
    post = {"team": "harbour", "channel": "tide", "user": "marlow", "create_at": 1_773_479_100_000}
    replies = [{"user": "fennel", "message": "aye", "create_at": 1_773_479_100_001}]
    posts = [
        {"type": "post", "post": post | {"message": f"word {at}", "replies": replies if at == 20 else []}}
        for at in range(39)
    ]
    lines = [json.dumps(each) for each in ({"type": "version", "version": 1}, *posts)]
    (folder / "import.jsonl").write_text("\n".join([*lines[:9], "nonsense", *lines[9:]]) + "\n")
    return folder / "import.jsonl"


FORMATS = {
    "irc": (irc, "tide-2026-03-14.txt", "neither [HH:MM] nor ==="),
    "json lines": (json_lines, "tide.jsonl", "not JSON"),
    "slack": (slack, "tide/2026-03-14.json", "no JSON object"),
    "mattermost": (mattermost, "import.jsonl", "not JSON"),
}


@pytest.mark.parametrize("name", FORMATS)
async def test_interrupted_import_goes_on_where_it_ended_and_tells_what_it_could_not_read(
    running: Up, tmp_path: Path, name: str
) -> None:
    made, file, reason = FORMATS[name]
    path, group_id = made(tmp_path), new_id()
    log = max(logs(path), key=lambda each: sum(1 for _ in each.read()))
    events = [entry for entry in log.read() if isinstance(entry, Event)]
    assert len(events) == 40
    async with (
        calling(running) as channel,
        Producer(channel, producer_name(group_id, log.name)) as producer,
    ):
        for event in events[:17]:
            await producer.append(group_id, event.at, body_of(event))
    (told,) = import_chat(running, tmp_path, path, group_id).lines
    assert (told["records"], told["unreadable"]) == (40, [{"file": file, "line": 10, "reason": reason}])
    assert "nonsense" in (tmp_path / "chat.rejected").read_text()
    assert await acked(running, group_id, log) == 40


async def test_import_that_was_killed_goes_on_and_doubles_nothing(running: Up, tmp_path: Path) -> None:
    path, group_id, most = tmp_path / "long.jsonl", new_id(), 12_000
    text = "x" * 600  # together much more than is on its way at once
    with path.open("w") as file:
        for at in range(most):
            file.write(f'{{"time": {1_773_479_100 + at}, "nick": "marlow", "text": "{at} {text}"}}\n')
    (log,) = logs(path)
    arguments = ("import", "chat", path, "--group", group_id, "--data", running.data, "--target", running.target)
    async with calling(running) as channel:
        with started(*arguments, folder=tmp_path) as importing:
            while not (before := await acked_on(channel, group_id, log)):
                assert importing.poll() is None
            importing.kill()
    assert 0 < before < most
    assert import_chat(running, tmp_path, path, group_id).code == 0
    assert await acked(running, group_id, log) == most


@pytest.mark.parametrize(
    ("groups", "words"),
    [((f"quay={TIDE}",), "none of the channels: tide, dock, attic"), (("tide=harbour",), "harbour: not a group's id")],
)
def test_groups_that_name_nothing_are_refused(tmp_path: Path, groups: tuple[str, ...], words: str) -> None:
    path = export(tmp_path / "channels.jsonl", most=2)
    options = [part for group in groups for part in ("--group", group)]
    said = ombud("import", "chat", path, *options, folder=tmp_path)
    assert (said.code, said.out) == (1, "")
    assert words in said.err
