"""Chunks: the records of one group in one segment, compressed, encrypted, and a Merkle tree of their own.

A chunk is AES-256-GCM(zstd(columns)) under a key that encrypts nothing else, so that its nonce can be zeros:

    key      = HKDF-Expand-SHA256(scope key, "ombud chunk v1" || 16 segment id), 32 bytes
    salt key = HKDF-Expand-SHA256(scope key, "ombud salts v1" || 16 segment id), 32 bytes
    columns  = ordinals | event times | lengths | bodies

Ordinals (u32) and event times (i64) are differences from the one before, lengths are u32; each column is written plane
by plane, all first bytes, then all second bytes. The zstd frame has no magic number; it may use a dictionary.

Salt n is bytes 16n to 16n + 16 of the AES-256-CTR keystream of the salt key, counter from zero. Who loses the scope
key loses the salts too, and what the tree commits to tells nothing any more. AES-GCM alone would let a chunk be opened
to two contents under two keys; the tree does not, it commits to the plaintext of every record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from operator import sub
from typing import NamedTuple
from uuid import UUID

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.retention.errors import DamagedError
from services.retention.keys.domain import Buffer, value, wipe
from services.retention.log.leaves import SALT_BYTES
from services.retention.segments.records import Cursor, pack_column

_LEVEL = 3
_NONCE = bytes(12)
_CONTENT, _SALTS = b"ombud chunk v1", b"ombud salts v1"
_OTHER_CIPHER, _WIDE = AESGCM(bytes(32)), 4096
_MOST_BYTES = 1 << 30
_ORDINAL, _TIME, _LENGTH = ("I", 4), ("q", 8), ("I", 4)
NO_DICTIONARY = bytes(32)


class Columns(NamedTuple):
    """What a chunk keeps of its records: their places in the segment, when they happened, the records themselves."""

    ordinals: Sequence[int]
    event_times: Sequence[int]
    bodies: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ChunkKeys:
    """The keys of one chunk."""

    content: bytearray
    salts: bytearray

    @classmethod
    def derive(cls, scope_key: Buffer, segment_id: UUID) -> "ChunkKeys":
        """The keys that a scope's key gives for its chunk in a segment."""
        return cls(value(scope_key, _CONTENT + segment_id.bytes), value(scope_key, _SALTS + segment_id.bytes))

    def wipe(self) -> None:
        """Overwrites the keys, in memory and in the processor's registers that the thread leaves behind."""
        wipe(self.content)
        wipe(self.salts)
        _OTHER_CIPHER.decrypt(_NONCE, _OTHER_CIPHER.encrypt(_NONCE, bytes(_WIDE), None), None)

    def salt(self, count: int) -> list[bytes]:
        """The salts of a chunk of so many records."""
        stream = Cipher(algorithms.AES(self.salts), modes.CTR(bytes(16))).encryptor().update(bytes(SALT_BYTES * count))
        return [stream[at : at + SALT_BYTES] for at in range(0, len(stream), SALT_BYTES)]


class ChunkCodec:
    """Compresses and encrypts chunks; one thread at a time.

    Args:
        dictionary: What the compression starts from; empty for nothing.
    """

    def __init__(self, dictionary: bytes = b"") -> None:
        self.dictionary = dictionary
        self.dictionary_hash = sha256(dictionary).digest() if dictionary else NO_DICTIONARY
        self._compiled = zstandard.ZstdCompressionDict(dictionary, zstandard.DICT_TYPE_RAWCONTENT)

    @cached_property
    def _compressor(self) -> zstandard.ZstdCompressor:
        options = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=True, write_checksum=False
        )
        return zstandard.ZstdCompressor(dict_data=self._compiled, compression_params=options)

    def encode(
        self, keys: ChunkKeys, ordinals: Sequence[int], event_times: Sequence[int], bodies: Sequence[bytes]
    ) -> bytes:
        """A chunk's bytes."""
        columns = (
            _planes(pack_column("I", _differences(ordinals)), 4),
            _planes(pack_column("q", _differences(event_times)), 8),
            _planes(pack_column("I", [len(body) for body in bodies]), 4),
        )
        packed = self._compressor.compress(b"".join((*columns, *bodies)))
        return AESGCM(keys.content).encrypt(_NONCE, packed, None)

    def decode(self, keys: ChunkKeys, chunk: bytes, count: int, name: str) -> Columns:
        """A chunk's records.

        Raises:
            DamagedError: The bytes are not what was written, or the key is another; `name` tells where they came from.
        """
        decompressor = zstandard.ZstdDecompressor(dict_data=self._compiled, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
        try:
            packed = AESGCM(keys.content).decrypt(_NONCE, chunk, None)
            columns = decompressor.decompress(packed, max_output_size=_MOST_BYTES)
        except (InvalidTag, zstandard.ZstdError) as error:
            raise DamagedError(f"{name}: a chunk does not open") from error
        cursor = Cursor(columns, name)
        ordinals = _column(cursor, _ORDINAL, count)
        event_times = _column(cursor, _TIME, count)
        lengths = _column(cursor, _LENGTH, count, differences=False)
        return Columns(ordinals, event_times, cursor.bodies(lengths))


def _differences(values: Sequence[int]) -> list[int]:
    return [values[0], *map(sub, values[1:], values)]


def _planes(column: bytes, width: int) -> bytes:
    return b"".join(column[at::width] for at in range(width))


def _column(cursor: Cursor, form: tuple[str, int], count: int, *, differences: bool = True) -> Sequence[int]:
    code, width = form
    planes = cursor.take(count * width)
    column = bytearray(len(planes))
    for at in range(width):
        column[at::width] = planes[at * count : (at + 1) * count]
    values = Cursor(bytes(column), "column").column(code, count)
    return list(accumulate(values)) if differences else values
