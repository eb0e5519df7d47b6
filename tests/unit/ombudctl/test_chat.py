from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombudctl.chat import ChatError, Entry, Event, Kind, Unreadable, entries, files, sample


def read(folder: Path, *lines: bytes, name: str = "2026-03-14_09.txt") -> list[Entry]:
    file = folder / name
    file.write_bytes(b"\n".join(lines) + b"\n")
    return list(entries(file))


def event(folder: Path, line: bytes) -> Event:
    (found,) = read(folder, line)
    assert isinstance(found, Event)
    return found


@pytest.mark.parametrize(
    ("line", "kind", "nick", "text"),
    [
        (b"[09:05] <marlow> mind the <gap>", Kind.MESSAGE, "marlow", "mind the <gap>"),
        (b"[09:05] <[away] > padded", Kind.MESSAGE, "[away]", "padded"),
        (b"[09:05] <fennel>", Kind.MESSAGE, "fennel", ""),
        (b"[09:05] <fennel>  two spaces", Kind.MESSAGE, "fennel", " two spaces"),
        (b"[09:05]  * fennel laughs", Kind.ACTION, "fennel", "laughs"),
        (b"=== fennel laughs", Kind.ACTION, "fennel", "laughs"),
        (b"=== fennel has to go", Kind.ACTION, "fennel", "has to go"),
        (b"=== fennel has joined #tidepool", Kind.JOIN, "fennel", "#tidepool"),
        (b"=== [x]  [~x@host.example]  has joined #tidepool", Kind.JOIN, "[x]", "#tidepool"),
        (b"=== fennel has left #tidepool []", Kind.PART, "fennel", "#tidepool"),
        (b"=== fennel has left #tidepool", Kind.PART, "fennel", "#tidepool"),
        (b"=== limpet_ is now known as limpet", Kind.NICK, "limpet_", "limpet"),
        (b"=== [club] lim is now known as limpet", Kind.NICK, "[club] lim", "limpet"),
        (b"=== mode/#tidepool by marlow", Kind.NOTICE, "marlow", "mode/#tidepool by marlow"),
        (
            b"=== ..[topic/#tidepool:marlow] : low water",
            Kind.NOTICE,
            "marlow",
            "..[topic/#tidepool:marlow] : low water",
        ),
        ("[09:05] <señal> olé".encode(), Kind.MESSAGE, "señal", "olé"),
        (b"[09:05] <marlow> carriage return\r", Kind.MESSAGE, "marlow", "carriage return"),
    ],
)
def test_lines_of_the_format(tmp_path: Path, line: bytes, kind: Kind, nick: str, text: str) -> None:
    found = event(tmp_path, line)
    assert (found.kind, found.nick, found.text) == (kind, nick, text)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[09:05] <marlow> \xff\xfe", "not UTF-8"),
        (b"[25:05] <marlow> hello", "neither"),
        (b"<marlow> hello", "neither"),
        (b"hello", "neither"),
        (b"===", "no name"),
        (b"=== fennel", "no name"),
        (b"[09:05] hello", "no name"),
        (b"[09:05] <> hello", "no name"),
        (b"[09:05] < > hello", "no name"),
    ],
)
def test_unreadable_line_is_kept_with_its_number(tmp_path: Path, line: bytes, reason: str) -> None:
    before, found = read(tmp_path, b"[09:04] <fennel> fine", line)
    assert isinstance(before, Event)
    assert isinstance(found, Unreadable)
    assert (found.line, found.raw, found.file) == (2, line, "2026-03-14_09.txt")
    assert reason in found.reason


def test_separators_within_a_message_do_not_end_its_line(tmp_path: Path) -> None:
    text = "a\x0bb\x1cc\x1dd\x1ee\x85f\u2028g"
    assert event(tmp_path, f"[09:05] <marlow> {text}".encode()).text == text


def test_time_comes_from_the_name_and_passes_midnight(tmp_path: Path) -> None:
    lines = [b"=== a has joined #c", b"[23:59] <a> x", b"=== a has left #c", b"[00:00] <a> y", b"[00:00] <a> z"]
    at = [found.at for found in read(tmp_path, *lines) if isinstance(found, Event)]
    late, early = datetime(2026, 3, 14, 23, 59, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC)
    assert at == [datetime(2026, 3, 14, tzinfo=UTC), late, late, early, early]


def test_name_without_a_date_takes_the_day_of_the_file(tmp_path: Path) -> None:
    (found,) = read(tmp_path, b"[09:05] <a> x", name="2026-99-99.txt")
    assert isinstance(found, Event)
    day = datetime.fromtimestamp((tmp_path / "2026-99-99.txt").stat().st_mtime, UTC).date()
    assert found.at.date() == day


@given(lines=st.lists(st.binary(max_size=60).filter(lambda line: b"\n" not in line), max_size=20))
def test_every_line_is_an_event_or_kept_aside(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    found = read(tmp_path_factory.mktemp("chat"), *lines)
    assert [entry.line for entry in found] == [number for number, line in enumerate(lines, 1) if line.strip()]
    assert all(
        entry.raw == lines[entry.line - 1].removesuffix(b"\r") for entry in found if isinstance(entry, Unreadable)
    )


def test_folder_gives_its_logs_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("2026-03-15.txt", "2026-03-14.log", "README.txt", "notes.md"):
        (tmp_path / name).touch()
    assert [file.name for file in files(tmp_path)] == ["2026-03-14.log", "2026-03-15.txt"]


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_no_log_is_said_with_what_would_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ChatError, match=r"name a file, or a folder"):
        files(tmp_path / name)


def test_sample_is_a_channel_with_an_owner_and_one_damaged_line() -> None:
    (file,) = files(sample())
    found = list(entries(file))
    events = [entry for entry in found if isinstance(entry, Event)]
    assert [entry.line for entry in found if isinstance(entry, Unreadable)] == [
        number for number, line in enumerate(file.read_text().splitlines(), 1) if line.startswith("[1o:")
    ]
    assert {entry.kind for entry in events} == set(Kind)
    assert events[0].kind is Kind.JOIN
    assert events[1].nick == events[0].nick
