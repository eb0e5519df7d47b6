from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.retention.errors import DamagedError
from services.retention.ingest.wal import WalWriter, read_wal, recover_wal
from services.retention.segments.records import ReceivedBatch, RecordBatch

FIRST = 1000
DAY = date(2026, 9, 21)


def journal_key(day: date, file_id: bytes) -> bytearray:
    return bytearray(sha256(day.isoformat().encode() + file_id).digest())


def batch(first_index: int, *bodies: bytes) -> ReceivedBatch:
    records = RecordBatch(
        producer="chat-1",
        first_sequence=first_index + 1,
        groups=[bytes(16)],
        group_indexes=[0] * len(bodies),
        event_times=[-5] * len(bodies),
        bodies=bodies,
    )
    return ReceivedBatch(records, 1_790_000_000_000_000, first_index)


GROUPS = (
    (batch(FIRST, b"a", b"bb"), batch(FIRST + 2, b"")),
    (batch(FIRST + 3, b"c" * 300),),
    (batch(FIRST + 4, b"OWAL", b"d"), batch(FIRST + 6, b"e")),
)


def write(folder: Path, *groups: tuple[ReceivedBatch, ...]) -> tuple[Path, list[int]]:
    """A file with these groups, and its length after each."""
    folder.mkdir(exist_ok=True)
    writer = WalWriter(folder, FIRST, DAY, bytes(16), journal_key)
    lengths = []
    for group in groups:
        writer.append(group)
        lengths.append(writer.path.stat().st_size)
    writer.close()
    return writer.path, lengths


def described(batches: list[ReceivedBatch]) -> list[tuple[int, list[bytes]]]:
    return [(each.first_index, list(each.batch.bodies)) for each in batches]


def flat(*groups: tuple[ReceivedBatch, ...]) -> list[tuple[int, list[bytes]]]:
    return described([each for group in groups for each in group])


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path, _ = write(tmp_path, *GROUPS)
    assert described(read_wal(path, journal_key).batches) == flat(*GROUPS)
    (first, *_) = read_wal(path, journal_key).batches
    assert first.batch.producer == "chat-1"
    assert (first.receive_time, list(first.batch.event_times)) == (1_790_000_000_000_000, [-5, -5])


def test_file_is_never_begun_twice(tmp_path: Path) -> None:
    write(tmp_path, *GROUPS)
    with pytest.raises(FileExistsError):
        WalWriter(tmp_path, FIRST, DAY, bytes(16), journal_key)


def test_file_that_ends_anywhere_in_its_last_group_keeps_what_is_before(tmp_path: Path) -> None:
    path, lengths = write(tmp_path, *GROUPS)
    content = path.read_bytes()
    before = flat(*GROUPS[:2])
    for length in range(lengths[1], lengths[2]):
        path.write_bytes(content[:length])
        kept = described(recover_wal(path, journal_key).batches)
        assert kept in (before, [*before, *flat(GROUPS[2])[:1]])
        assert described(read_wal(path, journal_key).batches) == kept


def test_first_group_torn_anywhere_leaves_an_empty_file(tmp_path: Path) -> None:
    path, lengths = write(tmp_path, GROUPS[1][:1])
    content = path.read_bytes()
    for length in range(lengths[0]):
        path.write_bytes(content[:length])
        assert recover_wal(path, journal_key).batches == []


def test_blocks_of_the_last_group_may_be_missing_in_any_order(tmp_path: Path) -> None:
    path, lengths = write(tmp_path, GROUPS[0], (batch(FIRST + 3, b"c", b"d"), batch(FIRST + 5, b"e")))
    content = path.read_bytes()
    start = lengths[0]
    for at in range(start, lengths[1]):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        assert described(recover_wal(path, journal_key).batches)[:2] == flat(GROUPS[0])


def test_every_damaged_byte_of_a_durable_group_is_refused(tmp_path: Path) -> None:
    path, lengths = write(tmp_path, *GROUPS)
    content = path.read_bytes()
    for at in range(lengths[1]):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        with pytest.raises(DamagedError, match=path.name):
            recover_wal(path, journal_key)
    assert len(content) == path.stat().st_size


def test_closed_file_with_any_damage_is_refused(tmp_path: Path) -> None:
    path, _ = write(tmp_path, *GROUPS)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DamagedError):
        read_wal(path, journal_key)


@settings(max_examples=50)
@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), min_size=1, max_size=8))
def test_bodies_of_every_kind_come_back(tmp_path_factory: pytest.TempPathFactory, groups: list[list[bytes]]) -> None:
    index = FIRST
    written = []
    for bodies in groups:
        written.append((batch(index, *bodies),))
        index += len(bodies)
    path, _ = write(tmp_path_factory.mktemp("wal"), *written)
    assert described(read_wal(path, journal_key).batches) == flat(*written)
