"""The image: pinned, without root, with what the lock says and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.manifests import DEPLOY

CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
ROOT = DEPLOY.parent


def test_linter_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, DEPLOY / "Containerfile"], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (0, "")


def test_every_stage_starts_from_the_one_image_that_is_pinned_by_digest() -> None:
    assert set(re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)) == {"${PYTHON}"}
    assert re.search(r"^ARG PYTHON=\S+@sha256:[0-9a-f]{64}$", CONTAINERFILE, re.MULTILINE)


def test_packages_come_by_hash_and_from_nowhere_else() -> None:
    installs = re.findall(r"pip install ([^\n&]+)", CONTAINERFILE)
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-index" in installs[1]
    lock = (ROOT / "requirements" / "image.lock").read_text()
    pinned = re.findall(r"^([a-z][\w.\[\]-]*)==", lock, re.MULTILINE)
    assert {"grpcio", "psycopg", "boto3", "obstore", "setuptools"} <= {name.partition("[")[0] for name in pinned}
    assert lock.count("--hash=sha256:") >= len(pinned)


def test_it_runs_as_nobody_in_particular() -> None:
    last = CONTAINERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "ADD " not in CONTAINERFILE


def test_what_is_copied_is_what_the_context_lets_in() -> None:
    let_in = (DEPLOY / "Containerfile.dockerignore").read_text().split()
    assert let_in[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    for source in " ".join(copied).split():
        name = source.partition("/*")[0]
        assert f"!{name}" in let_in
        assert (ROOT / name).exists()
