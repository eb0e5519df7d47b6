"""Checks the contract: buf lint, buf breaking against the baseline, and what is generated in step with protos/.

Run with the interpreter of the codegen environment; the argument is the path of the buf command.
With --accept the present contract becomes the baseline (after a release).
"""

import argparse
import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "protos" / "baseline.binpb"
# Where buf finds its settings; it reads the image, not the folder.
CONFIG = ROOT / "buf.yaml"


def main() -> int:
    """Runs the checks; 0 if all hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("buf")
    parser.add_argument("--accept", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out, image = Path(scratch, "sdk"), Path(scratch, "image.binpb")
        subprocess.run(  # noqa: S603 - our own script
            [sys.executable, str(ROOT / "tools" / "gen_protos.py"), str(out), "--image", str(image)], check=True
        )
        if options.accept:
            shutil.copyfile(image, BASELINE)
        results = [
            _run(options.buf, "lint", str(image), "--config", str(CONFIG)),
            _run(options.buf, "breaking", str(image), "--against", str(BASELINE), "--config", str(CONFIG)),
            _in_step(out),
            _page_in_step(out, Path(scratch, "access.md")),
        ]
    return 0 if all(results) else 1


def _run(*command: str) -> bool:
    done = subprocess.run(command, check=False)  # noqa: S603 - the buf of our own environment
    print(f"buf {command[1]}: {'clean' if done.returncode == 0 else 'FAILED'}")  # noqa: T201 - a command's output
    return done.returncode == 0


def _in_step(out: Path) -> bool:
    """Compares what was just generated with what is committed, both ways."""
    fresh = {path.relative_to(out) for path in out.rglob("*.py*")}
    kept = {
        path.relative_to(ROOT / "sdk")
        for pattern in ("ombud/*/v1/*.py*", "buf/**/*.py*")
        for path in (ROOT / "sdk").glob(pattern)
        if "__pycache__" not in path.parts
    }
    stale = sorted(
        str(path)
        for path in fresh | kept
        if path not in fresh or path not in kept or not filecmp.cmp(out / path, ROOT / "sdk" / path, shallow=False)
    )
    for path in stale:
        print(f"out of step with protos/: sdk/{path} (run `make protos`)")  # noqa: T201 - a command's output
    print(f"generated code: {'in step' if not stale else 'STALE'}")  # noqa: T201 - a command's output
    return not stale


def _page_in_step(sdk: Path, fresh: Path) -> bool:
    command = [sys.executable, str(ROOT / "tools" / "gen_access.py"), str(sdk), str(fresh)]
    subprocess.run(command, check=True)  # noqa: S603 - our own script
    page = ROOT / "docs" / "access.md"
    in_step = page.exists() and filecmp.cmp(fresh, page, shallow=False)
    print(f"docs/access.md: {'in step' if in_step else 'STALE (run `make protos`)'}")  # noqa: T201 - a command's output
    return in_step


if __name__ == "__main__":
    sys.exit(main())
