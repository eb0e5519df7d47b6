"""The story, on the log that ships with the project, and what it says when something does not hold."""

import json
from pathlib import Path

import pytest

from ombudctl.output import CommandError
from ombudctl.story import play
from ombudctl.story.scene import Scene, StoryError
from ombudctl.story.world import World
from tests.integration.story.shell import ombud

POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"


def test_every_step_and_every_proof_of_the_story_holds(tmp_path: Path) -> None:
    data = tmp_path / "kept"
    said = ombud("demo", "--data", data, "--json", folder=tmp_path, seconds=240)
    assert said.code == 0, said.out + said.err
    steps = said.lines
    assert [step["step"] for step in steps] == list(range(1, 11))
    assert all(step["ok"] and step["seconds"] >= 0 and step["figures"]["proofs"] > 0 for step in steps)
    assert len({step["figures"]["trace_id"] for step in steps}) == 10
    first, fourth, ninth, last = steps[0]["figures"], steps[3]["figures"], steps[8]["figures"], steps[9]["figures"]
    assert (first["race_won"], first["race_refused"], first["unreadable"]) == (3, 47, 1)
    assert fourth["records"] == fourth["checked"] + first["events"] - fourth["checked"] + 2
    assert ninth["kills"] == 3
    assert last["verified"] == last["audit_records"] > 0
    assert (data / "rejected.txt").read_text().startswith("2026-03-14_09.txt:159: ")
    assert not said.err


def test_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    said = ombud("demo", "--data", tmp_path, folder=tmp_path)
    assert said.code == 1
    assert "not empty" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_absent_log_is_said_with_what_would_do(tmp_path: Path) -> None:
    said = ombud("demo", "--chat", tmp_path / "absent", "--json", folder=tmp_path)
    assert said.code == 1
    assert "name a file, or a folder" in json.loads(said.err)["error"]


async def holds(_world: World, scene: Scene) -> None:
    scene.proves("this holds", holds=True)


async def breaks(_world: World, _scene: Scene) -> None:
    raise StoryError("water flows uphill")


async def never(_world: World, _scene: Scene) -> None:
    raise AssertionError


def test_step_that_does_not_hold_ends_the_story_with_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(play, "STEPS", (("good", holds), ("bad", breaks), ("later", never)))
    assert not play.run(None, tmp_path / "data", POLICY, as_json=True)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["ok"]
    assert (second["ok"], second["problem"]) == (False, "water flows uphill")


def test_broken_pack_stops_the_start_with_file_and_line(tmp_path: Path) -> None:
    pack = tmp_path / "mine.yaml"
    pack.write_text(POLICY.read_text().replace("accounts_per_person: 3", "accounts_per_person: lots"))
    with pytest.raises(CommandError, match=r"mine\.yaml:\d+: .*accounts_per_person"):
        play.run(None, tmp_path / "data", pack, as_json=True)
