import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies import PackError, load

PACKS = sorted((Path(__file__).parents[3] / "policies").glob("*.yaml"))
DEFAULT = next(path for path in PACKS if path.name == "default.yaml")


def altered(folder: Path, old: str, new: str) -> Path:
    """The default pack with one change, in a file of its own."""
    text = DEFAULT.read_text("utf-8")
    assert old in text
    path = folder / "pack.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_shipped_pack_is_whole_and_named_after_its_file(path: Path) -> None:
    pack = load(path)

    assert pack.id == path.stem
    assert pack.credit.appeal_window_days >= 184
    assert pack.retention.classes["chat"].floor_days >= 184


def test_default_and_chinese_packs_ship() -> None:
    assert {"default", "cn-group-chat-2017"} <= {path.stem for path in PACKS}


def test_instant_with_an_offset_is_the_same_instant() -> None:
    pack = load(next(path for path in PACKS if path.stem == "cn-group-chat-2017"))

    assert pack.effective_at == datetime(2017, 10, 7, 16, tzinfo=UTC)


def test_every_rule_and_setting_names_what_it_serves(tmp_path: Path) -> None:
    path = altered(tmp_path, "    code_digits: Ombud promise, every group can be named by a short code\n", "")

    with pytest.raises(PackError, match=r"pack\.yaml:\d+: groups: serves names no article for: code_digits"):
        load(path)


def test_article_for_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = altered(tmp_path, "  serves:\n    code_digits:", "  serves:\n    code_length: none\n    code_digits:")

    with pytest.raises(PackError, match="serves names settings that do not exist: code_length"):
        load(path)


def test_fault_names_file_line_and_field(tmp_path: Path) -> None:
    path = altered(tmp_path, "code_digits: 9", "code_digits: 3")

    with pytest.raises(PackError) as refused:
        load(path)

    line = line_of(path, "code_digits: 3")
    assert str(refused.value).startswith(f"{path}:{line}: groups.code_digits: ")


def test_fault_inside_a_list_names_the_line_of_the_item(tmp_path: Path) -> None:
    path = altered(tmp_path, "category: CYBER_VIOLENCE", "category: RUDENESS")

    with pytest.raises(PackError, match=re.escape(f":{line_of(path, 'RUDENESS')}: credit.rules.1.category: ")):
        load(path)


def test_every_fault_is_told(tmp_path: Path) -> None:
    path = altered(tmp_path, "accounts_per_person: 3", "accounts_per_person: 0")
    path.write_text(path.read_text("utf-8").replace("code_digits: 9", "code_digits: nine"), "utf-8")

    with pytest.raises(PackError) as refused:
        load(path)

    fields = [line.split(": ")[1] for line in str(refused.value).splitlines()]
    assert fields == ["identity.accounts_per_person", "groups.code_digits"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("code_digits: 9", "code_digits: 9\n  colour: blue", "Extra inputs are not permitted"),
        ("code_digits: 9", "code_digits: true", "valid integer"),
        ("appeal_window_days: 184", "appeal_window_days: 183", "greater than or equal to 184"),
        ("from_points: 0", "from_points: 1", "the first tier must start from 0 points"),
        ("from_points: 6", "from_points: 3", "tier limited must start from more points than tier fair"),
        ("first_step: PUBLISHING_SUSPENDED", "first_step: BLACKLISTED", "first_step must be one of measures"),
        ("recovers_below: 5", "recovers_below: 3", "recovers_below of tier limited must lie within tier fair"),
        ("recovers_below: 5", "recovers_below: 7", "recovers_below of tier limited must lie within tier fair"),
        ("most_groups_owned: 2,", "most_groups_owned: 4,", "tier fair must not entitle to more than tier good"),
        ("name: fair", "name: good", "tier named twice: good"),
        ("id: fraud", "id: spam", "rule named twice: spam"),
        ("points_most: 3", "points_most: 0", "points_most must not be less than points_least"),
        ("    WARNED: {days_most: 365}\n", "", "rule spam allows measures without a cap: WARNED"),
        ("BLACKLISTED: {days_most: 1825}", "BLACKLISTED: {days_most: 1826}", "a blacklist entry needs a term"),
        ("ceiling_days: 200", "ceiling_days: 184", "ceiling_days must be greater than floor_days by at least 2"),
        ("floor_days: 184", "floor_days: 183", "chat: floor_days must be at least 184"),
        ("    register:", "    registers:", "classes must be exactly: audit, chat, register"),
        ("effective_at: 2026-01-01T00:00:00Z", "effective_at: 2026-01-01T00:00:00", "timezone"),
        ("effective_at: 2026-01-01T00:00:00Z", "effective_at: 2026-13-01T00:00:00Z", "6: effective_at: .*month"),
    ],
)
def test_pack_that_breaks_a_rule_is_refused_with_the_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(PackError, match=reason):
        load(altered(tmp_path, old, new))


def test_setting_given_twice_is_refused(tmp_path: Path) -> None:
    path = altered(tmp_path, "code_digits: 9", "code_digits: 9\n  code_digits: 10")

    with pytest.raises(PackError, match=rf"{line_of(path, 'code_digits: 10')}: groups\.code_digits: given twice"):
        load(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"id: [unclosed", ":1: file: "),
        (b"", ":1: file: expected a mapping of settings"),
        (b"- a\n- list\n", ":1: file: expected a mapping of settings"),
        (b"id: \xff\xfe", ":1: file: not UTF-8 text"),
        (b"id: \x00", ":1: file: not YAML text"),
        (b"id: !!python/object:os.system {}\n", ":1: file: could not determine a constructor"),
        (b"id: !!int nine\n", ":1: file: invalid literal"),
    ],
)
def test_file_that_is_no_pack_is_refused_with_its_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)

    with pytest.raises(PackError, match=re.escape(f"{path}{reason}")):
        load(path)


def test_absent_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"absent\.yaml:1: file: No such file"):
        load(tmp_path / "absent.yaml")


def test_hash_is_of_what_a_pack_says_and_not_of_how_it_is_written(tmp_path: Path) -> None:
    same = altered(
        tmp_path, "  code_digits: 9\n  tip_off_reply_days: 7\n", "  tip_off_reply_days: 7\n\n  code_digits: 9\n"
    )
    assert load(same).content_hash == load(DEFAULT).content_hash

    other = altered(tmp_path, "code_digits: 9", "code_digits: 10")
    assert load(other).content_hash != load(DEFAULT).content_hash
