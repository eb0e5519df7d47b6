"""The write-ahead file: batches on stable storage before they are acknowledged, until a segment holds them.

A file begins with

    "OMBUDWAL" | u16 version = 1 | u8 class | u8 codec = 1 | 16 key id | u64 first index | u32 UTC day | 16 file id

and goes on with entries, written in groups that one fsync makes durable; the header belongs to the first group:

    "OWAL" | u32 length | u64 offset of the group | 16 first bytes of SHA-256(offset of the group || payload) | payload

All numbers are big-endian; the day counts from 1970-01-01, and all records of a file were received on it. A payload is
a batch in AES-256-GCM under the file's own key, which follows from the day's secret and the file id; its nonce is the
payload's offset in the file, and the header is authenticated with it. A death of the machine may leave a part of the
last group, in any order of its blocks: such a tail was never acknowledged and is cut off. An entry of a later group
proves that the groups before it were durable: damage before it is no torn tail and is refused.
"""

import os
import secrets
import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.refusal import Refusal
from services.retention.errors import DamagedError
from services.retention.files import sync_folder, write_all
from services.retention.keys.domain import wipe
from services.retention.log.leaves import RecordClass
from services.retention.segments.records import ReceivedBatch, decode_batch, encode_batch

_MAGIC = b"OMBUDWAL"
_VERSION = 1
_CODEC = 1
_HEADER = struct.Struct(">8sHBB16sQI16s")
_ENTRY_MAGIC = b"OWAL"
_ENTRY = struct.Struct(">4sIQ16s")
_EPOCH = date(1970, 1, 1)
_FILE_ID_BYTES = 16
_NONCE_BYTES = 12

JournalKey = Callable[[date, bytes], bytearray]
"""Gives the key of a write-ahead file, by its day and id, or a Refusal; who asks wipes it."""


def wal_path(folder: Path, first_index: int) -> Path:
    """The file whose first record has this index."""
    return folder / f"{first_index:020d}.wal"


class WalWriter:
    """Writes one file.

    Args:
        folder: Where it is made.
        first_index: Index of the first record that will be in it.
        day: The UTC day on which all its records are received.
        key_id: Of the day's secret.
        journal_key: Gives its key.

    Raises:
        OSError: It exists, or can not be made.
    """

    def __init__(self, folder: Path, first_index: int, day: date, key_id: bytes, journal_key: JournalKey) -> None:
        self.path = wal_path(folder, first_index)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._folder: Path | None = folder
        file_id = secrets.token_bytes(_FILE_ID_BYTES)
        self._key = journal_key(day, file_id)
        self._cipher = AESGCM(self._key)
        days = (day - _EPOCH).days
        self._header = _HEADER.pack(_MAGIC, _VERSION, RecordClass.CHAT, _CODEC, key_id, first_index, days, file_id)
        self._pending = [self._header]
        self._durable = 0
        self._end = len(self._header)

    def append(self, batches: Sequence[ReceivedBatch]) -> None:
        """Writes a group; returns once it is on stable storage.

        Raises:
            OSError: It may or may not be there: nothing further may be written to the file.
        """
        group = self._durable
        for received in batches:
            nonce = (self._end + _ENTRY.size).to_bytes(_NONCE_BYTES, "big")
            payload = self._cipher.encrypt(nonce, encode_batch(received), self._header)
            self._pending += (_ENTRY.pack(_ENTRY_MAGIC, len(payload), group, _checksum(group, payload)), payload)
            self._end += _ENTRY.size + len(payload)
        write_all(self._descriptor, b"".join(self._pending))
        self._pending.clear()
        os.fdatasync(self._descriptor)
        if self._folder is not None:
            sync_folder(self._folder)
            self._folder = None
        self._durable = self._end

    def close(self) -> None:
        """Ends writing."""
        os.close(self._descriptor)
        wipe(self._key)


class WalContent(NamedTuple):
    """What a file holds: batches, all received on one day."""

    day: date
    batches: list[ReceivedBatch]


def read_wal(path: Path, journal_key: JournalKey) -> WalContent:
    """The batches of a whole file.

    Raises:
        DamagedError: It is not whole; the text names the file and the offset.
    """
    content = path.read_bytes()
    read, end = _read(path.name, content, journal_key)
    if end != len(content):
        raise DamagedError(f"{path.name}: damaged at byte {end}")
    return read


def recover_wal(path: Path, journal_key: JournalKey) -> WalContent:
    """The batches of the file that was being written when the process died; cuts off a torn tail.

    Raises:
        DamagedError: What was durable is damaged; the text names the file and the offset.
    """
    content = path.read_bytes()
    read, end = _read(path.name, content, journal_key)
    if end == len(content):
        return read
    if any(group > end for group in _groups_after(content, end)):
        raise DamagedError(f"{path.name}: damaged at byte {end}, before records that were durable")
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return read


def _read(name: str, content: bytes, journal_key: JournalKey) -> tuple[WalContent, int]:
    """The batches up to the first byte that is not one's, and that byte's offset."""
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return WalContent(_EPOCH, []), 0
    _, version, record_class, codec, _, next_index, days, file_id = _HEADER.unpack_from(content)
    if (version, record_class, codec) != (_VERSION, RecordClass.CHAT, _CODEC):
        raise DamagedError(f"{name}: not a write-ahead file of a known version and codec")
    read = WalContent(_day(days, name), [])
    at = _HEADER.size
    if _payload(content, at) is None:
        return read, at
    try:
        key = journal_key(read.day, file_id)
    except Refusal:
        raise DamagedError(f"{name}: the key of {read.day.isoformat()} is gone, or the header is damaged") from None
    cipher = AESGCM(key)
    while (payload := _payload(content, at)) is not None:
        received = decode_batch(_decrypt(cipher, content, at + _ENTRY.size, payload, name), name)
        if received.first_index != next_index:
            raise DamagedError(f"{name}: records are missing before byte {at}")
        read.batches.append(received)
        next_index = received.next_index
        at += _ENTRY.size + len(payload)
    wipe(key)
    return read, at


def _day(days: int, name: str) -> date:
    try:
        return _EPOCH + timedelta(days=days)
    except OverflowError:
        raise DamagedError(f"{name}: the header is damaged") from None


def _decrypt(cipher: AESGCM, content: bytes, offset: int, payload: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(offset.to_bytes(_NONCE_BYTES, "big"), payload, content[: _HEADER.size])
    except InvalidTag:
        raise DamagedError(f"{name}: the entry before byte {offset + len(payload)} does not open") from None


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
