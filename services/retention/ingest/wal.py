"""The write-ahead file: batches on stable storage before they are acknowledged, until a segment holds them.

A file begins with

    "OMBUDWAL" | u16 version = 1 | u8 class | u8 codec | 16 key id | u64 first index

and goes on with entries, written in groups that one fsync makes durable; the header belongs to the first group:

    "OWAL" | u32 length | u64 offset of the group | 16 first bytes of SHA-256(offset of the group || payload) | payload

All numbers are big-endian; codec and key id are 0 until payloads are compressed and encrypted. A death of the machine
may leave a part of the last group, in any order of its blocks: such a tail was never acknowledged and is cut off. An
entry of a later group proves that the groups before it were durable: damage before it is no torn tail and is refused.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from services.retention.errors import DamagedError
from services.retention.files import sync_folder
from services.retention.log.leaves import NO_KEY, Codec, RecordClass
from services.retention.segments.records import ReceivedBatch, decode_batch, encode_batch

_MAGIC = b"OMBUDWAL"
_VERSION = 1
_HEADER = struct.Struct(">8sHBB16sQ")
_ENTRY_MAGIC = b"OWAL"
_ENTRY = struct.Struct(">4sIQ16s")


def wal_path(folder: Path, first_index: int) -> Path:
    """The file whose first record has this index."""
    return folder / f"{first_index:020d}.wal"


class WalWriter:
    """Writes one file.

    Args:
        folder: Where it is made.
        first_index: Index of the first record that will be in it.

    Raises:
        OSError: It exists, or can not be made.
    """

    def __init__(self, folder: Path, first_index: int) -> None:
        self.path = wal_path(folder, first_index)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._folder: Path | None = folder
        header = _HEADER.pack(_MAGIC, _VERSION, RecordClass.CHAT, Codec.PLAIN, NO_KEY, first_index)
        self._pending = [header]
        self._durable = 0
        self._end = len(header)

    def append(self, batches: Sequence[ReceivedBatch]) -> None:
        """Writes a group; returns once it is on stable storage.

        Raises:
            OSError: It may or may not be there: nothing further may be written to the file.
        """
        group = self._durable
        for received in batches:
            payload = encode_batch(received)
            self._pending += (_ENTRY.pack(_ENTRY_MAGIC, len(payload), group, _checksum(group, payload)), payload)
            self._end += _ENTRY.size + len(payload)
        data = memoryview(b"".join(self._pending))
        self._pending.clear()
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fdatasync(self._descriptor)
        if self._folder is not None:
            sync_folder(self._folder)
            self._folder = None
        self._durable = self._end

    def close(self) -> None:
        """Ends writing."""
        os.close(self._descriptor)


def read_wal(path: Path) -> list[ReceivedBatch]:
    """The batches of a whole file.

    Raises:
        DamagedError: It is not whole; the text names the file and the offset.
    """
    content = path.read_bytes()
    batches, end = _read(path.name, content)
    if end != len(content):
        raise DamagedError(f"{path.name}: damaged at byte {end}")
    return batches


def recover_wal(path: Path) -> list[ReceivedBatch]:
    """The batches of the file that was being written when the process died; cuts off a torn tail.

    Raises:
        DamagedError: What was durable is damaged; the text names the file and the offset.
    """
    content = path.read_bytes()
    batches, end = _read(path.name, content)
    if end == len(content):
        return batches
    if any(group > end for group in _groups_after(content, end)):
        raise DamagedError(f"{path.name}: damaged at byte {end}, before records that were durable")
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return batches


def _read(name: str, content: bytes) -> tuple[list[ReceivedBatch], int]:
    """The batches up to the first byte that is not one's, and that byte's offset."""
    batches: list[ReceivedBatch] = []
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return batches, 0
    *form, next_index = _HEADER.unpack_from(content)
    if form != [_MAGIC, _VERSION, RecordClass.CHAT, Codec.PLAIN, NO_KEY]:
        raise DamagedError(f"{name}: not a write-ahead file of a known version and codec")
    at = _HEADER.size
    while (payload := _payload(content, at)) is not None:
        received = decode_batch(payload, name)
        if received.first_index != next_index:
            raise DamagedError(f"{name}: records are missing before byte {at}")
        batches.append(received)
        next_index = received.next_index
        at += _ENTRY.size + len(payload)
    return batches, at


def _payload(content: bytes, at: int) -> bytes | None:
    """The payload of the entry at an offset; None if no whole entry is there."""
    if at + _ENTRY.size > len(content):
        return None
    magic, length, group, checksum = _ENTRY.unpack_from(content, at)
    payload = content[at + _ENTRY.size : at + _ENTRY.size + length]
    whole = magic == _ENTRY_MAGIC and len(payload) == length and checksum == _checksum(group, payload)
    return payload if whole else None


def _groups_after(content: bytes, start: int) -> Iterator[int]:
    """The group offsets of the whole entries after a damaged place."""
    at = content.find(_ENTRY_MAGIC, start)
    while at >= 0:
        if _payload(content, at) is not None:
            yield _ENTRY.unpack_from(content, at)[2]
        at = content.find(_ENTRY_MAGIC, at + 1)


def _checksum(group: int, payload: bytes) -> bytes:
    return sha256(group.to_bytes(8, "big") + payload).digest()[:16]
