from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from policies import Pack, load
from policies.schedule import Schedule, Scheduled

PACK = load(Path(__file__).parents[3] / "policies" / "default.yaml")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def version(name: str) -> Pack:
    return Pack.model_validate(PACK.model_dump() | {"version": name})


def test_founding_pack_holds_until_another_is_heard_of(tmp_path: Path) -> None:
    schedule = Schedule(PACK, tmp_path / "policies.json")

    assert schedule.at(NOW) is PACK
    assert schedule.known == []


def test_pack_holds_from_its_date_on_until_the_next(tmp_path: Path) -> None:
    schedule = Schedule(PACK, tmp_path / "policies.json")

    schedule.take([Scheduled(NOW + DAY, version("b")), Scheduled(NOW, version("a"))])

    instants = (NOW - DAY, NOW, NOW + DAY - timedelta(microseconds=1), NOW + DAY)
    assert [schedule.at(instant).version for instant in instants] == ["2026.1", "a", "a", "b"]


def test_what_was_heard_outlives_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "groups" / "policies.json"
    Schedule(PACK, kept).take([Scheduled(NOW, version("a"))])

    again = Schedule(PACK, kept)

    assert again.at(NOW).content_hash == version("a").content_hash


@pytest.mark.parametrize("content", ["", "[{}]", '[{"effective_at": "soon", "pack": {}}]', "{"])
def test_file_that_can_not_be_read_is_as_none(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    kept = tmp_path / "policies.json"
    kept.write_text(content, encoding="utf-8")

    assert Schedule(PACK, kept).at(NOW) is PACK
    assert "asked for anew" in caplog.text
