"""Who takes every file and the memory of every process, once the day is closed, decrypts nothing of it."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from chassis.auth.tokens import DevIssuer
from chassis.refusal import ErrorReason, Refusal
from services.retention.ingest.wal import read_wal
from services.retention.keys import domain
from services.retention.keys.domain import KEY_BYTES, Scope
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.segments.chunk import ChunkCodec, ChunkKeys
from services.retention.segments.segment import Segment
from services.retention.segments.storage import LocalStorage
from tests.integration.retention.custodians import Custodians
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention
from tests.integration.retention.test_access import append, approved, read, refused_read, scope
from tests.integration.retention.test_custody import DAY as ONE_DAY
from tests.integration.retention.test_custody import open_days
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

DAY = date(2026, 3, 2)

# With CI set nothing is skipped: there a missing gcore is a failure.
needs_gcore = pytest.mark.skipif(
    shutil.which("gcore") is None and "CI" not in os.environ, reason="gcore (package gdb) takes the memory images"
)


@contextmanager
def served(folder: Path, people: Custodians, clock: ManualClock) -> Iterator[tuple["subprocess.Popen[str]", Retention]]:
    """The service in a process of its own."""
    child = subprocess.Popen(  # noqa: S603 - the interpreter that runs the test
        [sys.executable, "-m", "tests.integration.retention.closing_child", str(folder), str(people.public)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        yield child, Retention(folder, port, DevIssuer(folder, clock))
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait(timeout=30)
        assert child.stdout is not None
        child.stdout.close()


def processes(pid: int) -> list[int]:
    """A process and all that it started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [each for thread in threads for each in (thread / "children").read_text().split()]
    return [pid, *(each for child in children for each in processes(int(child)))]


def images(pid: int, folder: Path) -> dict[str, bytes]:
    """The memory of a process and of all that it started."""
    found = {}
    for each in processes(pid):
        subprocess.run(  # noqa: S603 - a tool named by this test
            ["gcore", "-o", str(folder / "image"), str(each)],  # noqa: S607 - wherever it is installed
            check=True,
            capture_output=True,
            timeout=60,
        )
        image = folder / f"image.{each}"
        found[f"process {each}"] = image.read_bytes()
        image.unlink()
    return found


def keys_of_the_day(folder: Path) -> dict[str, bytes]:
    """Every key by which something of the open day can be read: a copy for the thief's judge, not for the thief."""
    store = KeyStore(folder / "keys" / "days")
    keys = Keys(store, 3)
    parts = store.parts(RecordClass.CHAT, DAY)
    assert parts is not None
    found = {f"part {slot}": bytes(part) for slot, part in enumerate(parts, 1)}
    scopes = {group: Scope.of_group(group) for group in (GROUP, OTHER_GROUP)}
    for group, each in scopes.items():
        found |= {
            f"value {slot} of {group}": bytes(domain.value(part, each.info)) for slot, part in enumerate(parts, 1)
        }
        found[f"scope {group}"] = bytes(keys.scope_key(DAY, each))
    storage = LocalStorage(folder / "segments")
    for name in storage.names():
        if "chat-" in name:
            (content,) = storage.copies(name)
            segment = Segment(content, name, keys.scope_key, lambda _: ChunkCodec())
            for group, each in scopes.items():
                derived = ChunkKeys.derive(keys.scope_key(DAY, each), segment.segment_id)
                found |= {
                    f"content of {name} for {group}": bytes(derived.content),
                    f"salts of {name} for {group}": bytes(derived.salts),
                }
    return found


def journal_keys(folder: Path) -> dict[str, bytes]:
    """The keys of the write-ahead files that are there."""
    keys, found = Keys(KeyStore(folder / "keys" / "days"), 3), {}

    def kept(day: date, file_id: bytes) -> bytearray:
        found[f"journal {file_id.hex()}"] = bytes(keys.journal_key(day, file_id))
        return keys.journal_key(day, file_id)

    for path in (folder / "wal").glob("*.wal"):
        read_wal(path, kept)
    return found


@needs_gcore
async def test_files_and_memory_after_the_day_has_closed_hold_no_key_of_it(tmp_path: Path) -> None:
    people = Custodians.make(tmp_path / "people")
    folder, clock = tmp_path / "data", ManualClock()
    folder.mkdir()
    with served(folder, people, clock) as (child, retention):
        await append(retention, 1)
        journal = await asyncio.to_thread(journal_keys, folder)
        assert journal
        await retention.receipt(6)
        keys = journal | await asyncio.to_thread(keys_of_the_day, folder)
        assert all(len(key) == KEY_BYTES for key in keys.values())
        access = await approved(retention, scope(clock))
        assert len(await read(retention, access, access.scope)) == 3
        assert "part 1" in {name for _, name in places(keys, files(folder))}

        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
        clock.advance(ONE_DAY)

        async def closed() -> bool:
            return not await open_days(retention)

        await eventually(closed)
        await append(retention, 7)
        memory = await asyncio.to_thread(images, child.pid, tmp_path)
        assert places(keys, memory | files(folder)) == set()

        stolen = Keys(KeyStore(folder / "keys" / "days"), 3)
        for group in (GROUP, OTHER_GROUP):
            with pytest.raises(Refusal) as refused:
                stolen.scope_key(DAY, Scope.of_group(group), access_id=access.access_id)
            assert refused.value.reason == ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED
        again = await approved(retention, access.scope)
        assert (await refused_read(retention, again, again.scope)).reason == "CUSTODIANS_REQUIRED"
        await retention.close()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def places(keys: dict[str, bytes], contents: dict[str, bytes]) -> set[tuple[str, str]]:
    """Where which key is found."""
    return {(place, name) for place, content in contents.items() for name, key in keys.items() if key in content}
