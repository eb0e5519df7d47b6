"""fsck names what is damaged, mends what can be derived, and finds nothing where nothing is."""

import asyncio
import contextlib
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlmodel import Session

from ombud.retention.v1.ingest_service_pb2 import AppendBatchRequest
from ombud.verify import verify_record
from services.retention.checks.findings import Finding
from services.retention.checks.fsck import BusyError, Report, check
from services.retention.log import store
from services.retention.log.tiles import ENTRIES, Tile
from tests.integration.retention import test_purge
from tests.integration.retention.harness import GROUP, OTHER_GROUP, Retention, bodies, frame, running_retention
from tests.integration.retention.served import grow
from tests.support.clock import ManualClock


def fsck(folder: Path, *, repair: bool = False) -> Report:
    return check(folder, f"sqlite:///{folder}/retention.db", repair=repair)


def fsck_files(folder: Path, *, repair: bool = False) -> list[Finding]:
    """What is found of a log whose made-up events are in no register."""
    return [each for each in fsck(folder, repair=repair).findings if each.place != "database: register_event"]


async def append(retention: Retention, first: int, count: int = 5) -> None:
    sent = frame(first, bodies(first, count), groups=(GROUP, OTHER_GROUP))
    await retention.ingest.AppendBatch(AppendBatchRequest(frame=sent))


@contextlib.asynccontextmanager
async def small_log(folder: Path) -> AsyncIterator[Path]:
    """Two segments in the log, and records that wait in a write-ahead file."""
    async with running_retention(folder) as retention:
        for first in (1, 6):
            await append(retention, first)
            await retention.receipt(first)
    async with running_retention(folder, seal_seconds=5) as retention:
        await append(retention, 11)
    yield folder


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Path]:
    async with small_log(tmp_path / "data") as made:
        yield made


def places(report: Report) -> set[str]:
    return {finding.place for finding in report.findings}


def flip(file: Path, offset: int) -> None:
    content = bytearray(file.read_bytes())
    content[offset] ^= 1
    file.write_bytes(content)


async def test_log_as_it_was_written_has_no_findings(folder: Path) -> None:
    report = fsck(folder)
    assert (report.findings, report.busy) == ([], False)
    assert report.leaves == int((folder / "log" / "checkpoint").read_text().splitlines()[1])
    assert report.segment_bytes == sum(file.stat().st_size for file in (folder / "segments").rglob("*.seg"))


def bytes_of(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every byte of every file that the log is made of."""
    for part in ("log", "segments", "wal", "log.vkey", "keys/log.key", "keys/days"):
        root = folder / part
        for file in [root] if root.is_file() else sorted(each for each in root.rglob("*") if each.is_file()):
            yield from ((file, offset) for offset in range(file.stat().st_size))


async def test_every_byte_flipped_in_turn_is_named(folder: Path, pytestconfig: pytest.Config) -> None:
    everywhere = list(bytes_of(folder))
    flips = min(len(everywhere), pytestconfig.getoption("--flips"))
    for file, offset in random.sample(everywhere, flips):
        flip(file, offset)
        found = {each.place for each in fsck(folder).findings}
        assert file.relative_to(folder).as_posix() in found, (file.name, offset)
        flip(file, offset)
    assert fsck(folder).findings == []


def test_offset_of_a_damaged_tile_is_named_and_it_is_made_again(tmp_path: Path) -> None:
    grow(tmp_path, 1, 256, 300, 700)
    whole = {file: file.read_bytes() for file in (tmp_path / "log").rglob("*") if file.is_file()}
    damaged = {Tile(0, 1, 256).path: 5000, Tile(ENTRIES, 2, 188).path: 17, Tile(1, 0, 2).path: 63}
    for path, offset in damaged.items():
        flip(tmp_path / "log" / path, offset)
    missing = Tile(ENTRIES, 0, 256).path
    (tmp_path / "log" / missing).unlink()
    found = {each.place: each.offset for each in fsck_files(tmp_path)}
    assert found == {f"log/{path}": offset for path, offset in damaged.items()} | {f"log/{missing}": 0}
    assert fsck_files(tmp_path, repair=True) == []
    assert {file: file.read_bytes() for file in (tmp_path / "log").rglob("*") if file.is_file()} == whole


def test_folder_of_tiles_and_checkpoint_is_made_again_from_the_leaves(tmp_path: Path) -> None:
    grow(tmp_path, 300)
    whole = {file: file.read_bytes() for file in (tmp_path / "log").rglob("*") if file.is_file()}
    shutil.rmtree(tmp_path / "log")
    (tmp_path / "log.vkey").unlink()
    (tmp_path / "log.vkey").write_text("broken+00000000+AA==\n")
    assert fsck_files(tmp_path, repair=True) == []
    assert {file: file.read_bytes() for file in (tmp_path / "log").rglob("*") if file.is_file()} == whole


def change(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "retention.db")) as database, database:
        database.execute(statement)


CHANGES = {
    "database: log_leaf": "UPDATE log_leaf SET entry = randomblob(length(entry)) WHERE leaf_index = 1",
    "database: log_head": "UPDATE log_head SET size = size + 1",
    "database: segment": "UPDATE segment SET next_index = next_index + 1, records = records + 1 WHERE first_index = 0",
    "database: segment_producer": "UPDATE segment_producer SET next_sequence = 100 WHERE first_sequence = 6",
    "database: producer_head": "UPDATE producer_head SET next_sequence = 1",
    "database: audit_index": "UPDATE audit_index SET subject = 'account:somebody-else' WHERE position = 0",
}


@pytest.mark.parametrize("place", CHANGES)
async def test_row_that_leaves_or_segments_belie_is_named_and_made_again(folder: Path, place: str) -> None:
    change(folder, CHANGES[place])
    assert places(fsck(folder)) == {place}
    assert fsck(folder, repair=True).findings == []
    async with running_retention(folder) as retention:
        await append(retention, 16)
        await retention.receipt(20)


async def test_catalogue_is_made_again_from_segments_and_leaves_alone(folder: Path) -> None:
    for table in ("segment_producer", "producer_head", "segment"):
        change(folder, f"DELETE FROM {table}")  # noqa: S608 - names from the line above
    assert places(fsck(folder)) == {"database: segment", "database: segment_producer", "database: producer_head"}
    assert fsck(folder, repair=True).findings == []
    async with running_retention(folder) as retention:
        for sequence in range(1, 16):
            await retention.receipt(sequence)


async def test_purged_segments_are_no_damage_as_long_as_the_log_has_their_certificate(
    tmp_path: Path, clock: ManualClock
) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder, clock=clock) as retention:
        await append(retention, 1)
        await retention.receipt(1)
        await test_purge.pass_ceiling(retention, clock)
        await test_purge.certified(retention, 1)
    assert not list((folder / "segments").rglob("chat-*"))
    assert fsck(folder).findings == []
    change(folder, "UPDATE register_event SET statement = zeroblob(length(statement)) WHERE noun = 'PURGE'")
    found = fsck(folder).findings
    assert {each.place for each in found if each.place.startswith("segments/")}
    assert {each.place for each in found if each.place.startswith("database")} == {"database: register_event"}


async def test_entries_of_the_register_that_reached_their_ceiling_are_no_damage(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with running_retention(tmp_path / "data", clock=clock) as retention:
        await test_purge.test_access_that_is_over_leaves_the_register_at_its_ceiling_and_its_proof_goes_on_verifying(
            retention, clock
        )
        assert fsck(retention.folder).findings == []
    assert fsck(tmp_path / "data").findings == []


async def test_entry_that_was_taken_out_of_the_register_is_named(folder: Path) -> None:
    change(folder, "DELETE FROM register_event WHERE position = 0")
    (found,) = fsck(folder).findings
    assert (found.place, found.what) == ("database: register_event", "the event that a leaf commits to is missing")


async def test_offset_of_damage_in_a_day_that_nobody_here_can_open_is_named(folder: Path) -> None:
    for key in (folder / "keys" / "days").glob("*.chat.secret"):
        key.unlink()
    damaged = next((folder / "segments").rglob("chat-*0.seg"))
    size = damaged.stat().st_size
    flip(damaged, size - 1)
    (found,) = [each for each in fsck(folder).findings if each.place.startswith("segments/")]
    assert found.place == damaged.relative_to(folder).as_posix()
    assert found.offset is not None
    assert 0 < found.offset < size


async def test_lost_database_is_made_again_from_log_segments_and_keys(folder: Path) -> None:
    for file in folder.glob("retention.db*"):  # noqa: ASYNC240 - nothing else runs
        file.unlink()
    (found,) = fsck(folder).findings
    assert (found.place, found.what) == ("database", "is lost")
    assert not (folder / "retention.db").exists()
    lost = [(each.place, each.what, each.offset) for each in fsck(folder, repair=True).findings]
    assert {place for place, *_ in lost} == {"database: register_event"}
    async with running_retention(folder) as retention:
        await append(retention, 16)
        for sequence in range(1, 21):
            proof = (await retention.receipt(sequence)).proof
            assert verify_record(proof, retention.verifier_key, bodies(sequence, 1)[0]).index == sequence - 1
    assert [(each.place, each.what, each.offset) for each in fsck(folder).findings] == lost


async def test_lost_segment_is_named_and_nothing_pretends_to_mend_it(folder: Path) -> None:
    lost = next((folder / "segments").rglob("chat-*0.seg"))
    lost.unlink()
    (found,) = fsck(folder, repair=True).findings
    assert found.place == lost.relative_to(folder).as_posix()
    assert found.mend is None


async def test_database_from_an_older_state_is_told_from_damage(folder: Path) -> None:
    shutil.copy(folder / "retention.db", folder / "older.db")
    async with running_retention(folder) as retention:
        await append(retention, 16)
        await retention.receipt(20)
    for file in folder.glob("retention.db*"):  # noqa: ASYNC240 - nothing else runs
        file.unlink()
    shutil.move(folder / "older.db", folder / "retention.db")
    report = fsck(folder)
    assert any("older state" in finding.what for finding in report.findings)


async def test_running_service_can_be_checked_and_not_mended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_retention(folder) as retention:
        await append(retention, 1)
        await retention.receipt(5)
        report = fsck(folder)
        assert (report.findings, report.busy) == ([], True)
        with pytest.raises(BusyError):
            fsck(folder, repair=True)


async def test_log_that_grows_while_it_is_read_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_retention(tmp_path / "data") as retention:
        await append(retention, 1)
        await retention.receipt(1)
        serving = asyncio.get_running_loop()

        async def grow_meanwhile() -> None:
            await append(retention, 6)
            await retention.receipt(6)

        def read_later(session: Session, first: int) -> list[bytes]:
            asyncio.run_coroutine_threadsafe(grow_meanwhile(), serving).result()
            return store.entries(session, first)

        monkeypatch.setattr("services.retention.checks.log.store", SimpleNamespace(head=store.head, entries=read_later))
        report = await asyncio.to_thread(fsck, tmp_path / "data")
        assert (report.findings, report.busy) == ([], True)
