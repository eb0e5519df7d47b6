from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from chassis.refusal import ErrorReason, Refusal
from services.retention.files import SpaceFloor, write_durably
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.segments.archive import Archive
from services.retention.segments.building import Sealing, build
from services.retention.segments.chunk import ChunkCodec
from services.retention.segments.records import ReceivedBatch, RecordBatch, from_micros
from services.retention.segments.storage import LocalStorage
from services.retention.segments.store import Sealed

RECEIVED = 1_790_000_000_000_000


def archive(folder: Path) -> Archive:
    return Archive(LocalStorage(folder), dict.fromkeys(RecordClass, timedelta(days=184)).__getitem__, keys(folder))


def keys(folder: Path) -> Keys:
    return Keys(KeyStore(folder / "keys"), 3)


def seal(folder: Path, first_index: int) -> tuple[Path, Sealed]:
    batch = RecordBatch("a", 1, [bytes(16)], [0, 0], [0, 0], [b"one", b"two"])
    day = from_micros(RECEIVED).date()
    sealing = Sealing(keys(folder).current(RecordClass.CHAT, day), partial(keys(folder).scope_key, day), ChunkCodec())
    received = [ReceivedBatch(batch, RECEIVED, first_index)]
    content, leaf = build(RecordClass.CHAT, UUID(int=first_index + 1), received, sealing)
    name = archive(folder).write(leaf, content)
    sealed = Sealed(str(leaf.segment_id), first_index, first_index + 2, name, leaf.file_hash, 0, from_micros(RECEIVED))
    return folder / name, sealed


def test_segment_lies_under_its_day_and_comes_back(tmp_path: Path) -> None:
    file, sealed = seal(tmp_path, 40)
    assert file.relative_to(tmp_path).as_posix() == "2026-09-21/chat-00000000000000000040.seg"
    assert [record.body for record in archive(tmp_path).load(sealed).all_records] == [b"one", b"two"]


def test_every_damaged_byte_and_every_lost_end_is_refused(tmp_path: Path) -> None:
    file, sealed = seal(tmp_path, 0)
    whole = file.read_bytes()
    for at in range(len(whole)):
        for content in (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], whole[:at]):
            file.write_bytes(content)
            with pytest.raises(Refusal) as caught:
                archive(tmp_path).load(sealed)
            assert caught.value.reason == ErrorReason.ERROR_REASON_SEGMENT_DAMAGED
            assert caught.value.facts == {"segment_id": sealed.segment_id}


def test_absent_file_is_refused(tmp_path: Path) -> None:
    file, sealed = seal(tmp_path, 0)
    file.unlink()
    with pytest.raises(Refusal):
        archive(tmp_path).load(sealed)


def test_file_is_whole_or_absent_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file"
    write_durably(path, b"first")

    def torn(_descriptor: int) -> None:
        raise OSError("torn")

    monkeypatch.setattr("os.fsync", torn)
    with pytest.raises(OSError, match="torn"):
        write_durably(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600


def test_reserve_is_refused_to_be_touched_and_no_more(tmp_path: Path) -> None:
    assert SpaceFloor(tmp_path, 0).refusal() is None
    refusal = SpaceFloor(tmp_path, 1 << 62).refusal()
    assert refusal is not None
    assert refusal.reason == ErrorReason.ERROR_REASON_STORAGE_FULL
    assert refusal.facts["floor_bytes"] == str(1 << 62)
