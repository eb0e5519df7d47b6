import os
import stat
from pathlib import Path

import pytest

from chassis.outbox import append_line


def test_lines_follow_on_each_other_in_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "outbox" / "letters.jsonl"
    for line in (b"first", b"second"):
        append_line(file, line)
    assert file.read_bytes() == b"first\nsecond\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_line_that_does_not_fit_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    file = tmp_path / "letters.jsonl"
    append_line(file, b"first")
    write = os.write

    def write_half(descriptor: int, data: bytes) -> int:
        if len(data) < 4:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:3])

    def no_sync(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, failing, {"write": write_half, "fsync": no_sync}[failing])
    with pytest.raises(OSError, match=r"error|space"):
        append_line(file, b"second")
    monkeypatch.undo()
    append_line(file, b"third")
    assert file.read_bytes() == b"first\nthird\n"
