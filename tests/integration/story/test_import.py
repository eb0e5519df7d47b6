"""Importing an export of many channels into a running suite."""

import json
from pathlib import Path

import pytest

from ombud.client import Producer, connect
from ombud.retention.v1.ingest_service_pb2 import GetProgressRequest
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombudctl.chat import Event, Log, logs
from ombudctl.import_chat import MOST_BODY_BYTES, body_of, producer_name
from tests.integration.story.shell import Said, Up, ombud

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


async def acked(running: Up, group_id: str, log: Log) -> int:
    token = ombud("token", "--workload", "platform", "--data", running.data, folder=running.data).out.strip()
    async with connect(running.target, token=token) as channel:
        request = GetProgressRequest(producer=producer_name(group_id, log.name))
        return (await IngestServiceStub(channel).GetProgress(request)).acked_sequence


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


async def test_interrupted_import_goes_on_where_it_ended(running: Up, tmp_path: Path) -> None:
    path = export(tmp_path / "half.jsonl", most=40)
    (log,) = [log for log in logs(path) if log.channel == "tide"]
    entries = [entry for entry in log.read() if isinstance(entry, Event)]
    found = [event for event in entries if len(body_of(event)) <= MOST_BODY_BYTES]
    token = ombud("token", "--workload", "platform", "--data", running.data, folder=tmp_path).out.strip()
    async with (
        connect(running.target, token=token) as channel,
        Producer(channel, producer_name(TIDE, log.name)) as producer,
    ):
        for event in found[:17]:
            await producer.append(TIDE, event.at, body_of(event))
    for _ in range(2):
        assert import_chat(running, tmp_path, path, f"tide={TIDE}").code == 0
        assert await acked(running, TIDE, log) == 40


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
