"""The commands of the guide to policy packs, run in their order."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.story.shell import up

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "policy-packs.md"

# What is asked of a suite is asked of the one that the test started.
OMBUD = """#!/bin/sh
case "$1 $2" in "policy lint" | "policy diff") ;; *) set -- "$@" --data "$DATA" --target "$TARGET" ;; esac
exec "$PYTHON" -m ombudctl.main "$@"
"""


def blocks() -> list[tuple[list[str], list[str]]]:
    """Of each example the commands, and what the guide shows of their output."""
    found = re.findall(r"```console\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    parts = [block.splitlines() for block in found]
    return [
        ([line[2:] for line in lines if line.startswith("$ ")], [line for line in lines if not line.startswith("$ ")])
        for lines in parts
    ]


def test_guide_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "ombud"
    command.write_text(OMBUD, encoding="utf-8")
    command.chmod(0o755)
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    script = "\n".join(line for commands, _ in blocks() for line in commands)
    with up(tmp_path / "data") as suite:
        environment = os.environ | {
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHON": sys.executable,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'sdk'}",
            "DATA": str(suite.data),
            "TARGET": suite.target,
            "COLUMNS": "200",
        }
        done = subprocess.run(
            ["/bin/bash"],
            input=script,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    shown = [line for _, output in blocks() for line in output]
    assert len(shown) == 1
    assert re.sub(r":\d+:", ":LINE:", shown[0]) in re.sub(r":\d+:", ":LINE:", done.stderr), done.stderr
    assert "default 2026.2 can be used" in done.stdout
    assert "groups.tip_off_reply_days" in done.stdout
    assert "0 accounts with a ledger" in done.stdout
    assert "default 2026.2 is published" in done.stdout
    assert "PACK_IN_FORCE" in done.stdout
    assert done.returncode == 1, "the pack is published and not yet in force"
