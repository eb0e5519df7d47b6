"""Services are cut off from each other by a network that loses what they send."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.network import APART, machine_allows

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_service_that_is_cut_off_keeps_its_promises_and_says_what_it_can_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not machine_allows():
        pytest.skip("no network namespaces here: the kernel, or who may use it, does not allow them")
    command = [
        *APART,
        sys.executable,
        "-m",
        "pytest",
        "tests/fault/cut_off.py",
        "--capture=no",
        "-p",
        "no:cacheprovider",
    ]
    ended = subprocess.run(  # noqa: S603 - the command above
        [*command, f"--basetemp={tmp_path / 'apart'}"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    with capsys.disabled():
        sys.stdout.writelines(f"\n{line}" for line in ended.stdout.splitlines() if " cut off for " in line)
    assert ended.returncode == 0, ended.stdout[-8000:]
