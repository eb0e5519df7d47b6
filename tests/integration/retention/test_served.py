"""The log as others see it: files over HTTP, read by verifiers that nobody here wrote."""

import http.client
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.verify import verify_checkpoint
from services.retention.log.tiles import ENTRIES, Tile
from tests.integration.retention.harness import bodies, frame, running_retention
from tests.integration.retention.served import grow, served

SOURCE = Path(__file__).parent / "go"
TESSERA = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4"
SIZES = (1, 2, 5, 255, 256, 257, 300, 512, 700)

Run = Callable[..., subprocess.CompletedProcess[str]]


def run_go(*arguments: str, within: float = 110) -> subprocess.CompletedProcess[str]:
    """Runs the go command. Where there is none, or no modules for it, the test is skipped; with CI set it fails."""
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    missing = "go is not installed: verifiers written in Go can not be run here"
    if go is not None:
        done = subprocess.run([go, *arguments], cwd=SOURCE, capture_output=True, text=True, timeout=within, check=False)  # noqa: S603 - the toolchain
        unreachable = ("dial tcp", "no such host", "connection refused", "i/o timeout", "requires go >= ")
        if done.returncode == 0 or not any(reason in done.stderr for reason in unreachable):
            return done
        missing = "go has no modules here and can not download them, or is too old for them"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def logcheck(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A verifier over golang.org/x/mod/sumdb."""
    program = tmp_path_factory.mktemp("go") / "logcheck"
    built = run_go("build", "-o", str(program), ".")
    assert built.returncode == 0, built.stderr

    def run(url: str, key: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, url, key], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - built above

    return run


def flip(file: Path, offset: int) -> None:
    """Changes one bit of a byte."""
    content = bytearray(file.read_bytes())
    content[offset] ^= 1
    file.write_bytes(content)


def test_go_verifies_a_log_that_grew_over_the_edges_of_tiles(logcheck: Run, tmp_path: Path) -> None:
    key = grow(tmp_path, *SIZES)
    with served(tmp_path) as url:
        done = logcheck(url, key)
    assert (done.returncode, done.stdout.strip()) == (0, "700"), done.stderr


async def test_go_verifies_the_log_of_a_service_with_records(logcheck: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder) as retention:
        for first in range(1, 51, 10):
            await retention.ingest.AppendBatch(AppendBatchRequest(frame=frame(first, bodies(first, 10))))
            await retention.receipt(first)
        size = verify_checkpoint((folder / "log/checkpoint").read_text(), retention.verifier_key).size
        with served(folder) as url:
            done = logcheck(url, retention.verifier_key.strip())
    assert (done.returncode, done.stdout.strip()) == (0, str(size)), done.stderr


@pytest.mark.parametrize(
    ("path", "offset"),
    [
        (Tile(ENTRIES, 0, 256).path, 100),
        (Tile(ENTRIES, 2, 188).path, -1),
        (Tile(0, 1, 256).path, 8191),
        (Tile(1, 0, 2).path, 0),
        ("checkpoint", 40),
        ("checkpoint", -10),
    ],
)
def test_go_refuses_a_log_with_one_flipped_bit(logcheck: Run, tmp_path: Path, path: str, offset: int) -> None:
    key = grow(tmp_path, *SIZES)
    flip(tmp_path / "log" / path, offset)
    with served(tmp_path) as url:
        done = logcheck(url, key)
    assert done.returncode == 1, done.stdout


def test_fsck_of_tessera_accepts_the_log_and_refuses_a_flipped_bit(tmp_path: Path) -> None:
    key = grow(tmp_path / "data", *SIZES)
    key_file = tmp_path / "log.vkey"
    key_file.write_text(key)

    def fsck() -> subprocess.CompletedProcess[str]:
        with served(tmp_path / "data") as url:
            return run_go("run", TESSERA, f"--storage_url={url}/", f"--public_key={key_file}", "--ui=false")

    # Its exit code is 0 either way.
    assert "Successfully fsck'd log with size 700" in fsck().stderr
    flip(tmp_path / "data/log" / Tile(ENTRIES, 2, 188).path, 99)
    assert "fsck failed" in fsck().stderr


def get(url: str, path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_served_files_say_what_they_are_and_how_long_they_hold(tmp_path: Path) -> None:
    grow(tmp_path, 300)
    with served(tmp_path) as url:
        checkpoint, text = get(url, "/checkpoint")
        assert checkpoint.getheader("Content-Type") == "text/plain; charset=utf-8"
        assert checkpoint.getheader("Cache-Control") == "no-cache"
        assert text == (tmp_path / "log/checkpoint").read_bytes()
        tile, hashes = get(url, "/tile/0/000")
        assert tile.getheader("Content-Type") == "application/octet-stream"
        assert "immutable" in str(tile.getheader("Cache-Control"))
        assert len(hashes) == 8192
        head, nothing = get(url, "/tile/0/000", "HEAD")
        assert (head.getheader("Content-Length"), nothing) == ("8192", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/../log.vkey",
        "/tile/../../keys/log.key",
        "/tile/0/..%2f..%2f..%2fkeys/log.key",
        "//etc/passwd",
        "/tile/0/001.part",
        "/tile/0/002",
        "/checkpoint/",
        "/checkpoint?x",
    ],
)
def test_nothing_but_the_logs_own_files_is_served(tmp_path: Path, path: str) -> None:
    grow(tmp_path, 300)
    (tmp_path / "log/tile/0/001.part").write_text("x")
    with served(tmp_path) as url:
        response, body = get(url, path)
        assert (response.status, body) == (404, b"")
        assert get(url, "/checkpoint", "PUT")[0].status == 501
