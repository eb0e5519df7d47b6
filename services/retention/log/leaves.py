"""The bytes that the log commits to: records, leaves, and the proofs that carry them.

The layouts stand in `ombud.verify.evidence`, which reads them with code of its own.
"""

import base64
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from uuid import UUID

from services.retention.log.tree import leaf_hash

SALT_BYTES = 16
NO_GROUP = bytes(16)

_SEGMENT_LEAF = struct.Struct(">BBBB16s16sQIqq32s32s")
_EVENT_LEAF = struct.Struct(">BBH16sq32s")
_RECORD = struct.Struct(">BB16sqqQQB")
_PLACE = struct.Struct(">16sIIB")
_CHUNK_PLACE = struct.Struct(">IIB32s")
CHUNK_ENTRY = struct.Struct(">I32s")
"""What a segment's tree commits to of a chunk: how many records it has, and their root."""

HeadFields = tuple[bytes, bytes, int, int, int, int]
"""Of a record: group, producer, receive time, event time, sequence, index."""

_VERSION = 1
_SEGMENT, _EVENT = 1, 2
_FORM_RECORD_WITHOUT_BODY, _FORM_RECORD, _FORM_EVENT = 1, 2, 3


class RecordClass(IntEnum):
    """Which class a record is retained in."""

    CHAT = 1
    AUDIT = 2


class Codec(IntEnum):
    """How the chunks of a segment file are stored."""

    ZSTD_AES_256_GCM = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is in its segment: in the tree over its chunk's records, and in the tree over the chunks."""

    position: int
    chunk_records: int
    path: Sequence[bytes]
    chunk: int
    chunks: int
    chunk_root: bytes
    chunk_path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class SegmentLeaf:
    """What the log says of a segment.

    Times are microseconds since 1970; `key_id` is that of the secret which the chunks are encrypted under.
    """

    segment_id: UUID
    record_class: RecordClass
    first_index: int
    count: int
    first_receive_time: int
    last_receive_time: int
    inner_root: bytes
    file_hash: bytes
    codec: Codec
    key_id: bytes

    def entry(self) -> bytes:
        """The leaf's bytes."""
        return _SEGMENT_LEAF.pack(
            _SEGMENT,
            _VERSION,
            self.record_class,
            self.codec,
            self.segment_id.bytes,
            self.key_id,
            self.first_index,
            self.count,
            self.first_receive_time,
            self.last_receive_time,
            self.inner_root,
            self.file_hash,
        )


def event_entry(kind: int, event_id: UUID, time: int, salt: bytes, statement: bytes) -> bytes:
    """The leaf of an event: what it says is hidden behind a salted commitment; kind and time are open."""
    return _EVENT_LEAF.pack(_EVENT, _VERSION, kind, event_id.bytes, time, leaf_hash(salt + statement))


def record_heads(record_class: RecordClass, records: Iterable[HeadFields]) -> list[bytes]:
    """Records' bytes up to their bodies."""
    pack, kind = _RECORD.pack, int(record_class)
    return [
        pack(_VERSION, kind, group, receive_time, event_time, sequence, index, len(producer)) + producer
        for group, producer, receive_time, event_time, sequence, index in records
    ]


def record_leaves(salts: Sequence[bytes], heads: Sequence[bytes], bodies: Sequence[bytes]) -> list[bytes]:
    """The leaf hashes of records in their chunk's tree."""
    columns = zip(salts, heads, bodies, strict=True)
    return [sha256(b"".join((b"\x00", salt, head, body))).digest() for salt, head, body in columns]


def record_evidence(leaf: bytes, *, salt: bytes, place: Place, head: bytes, body: bytes | None) -> bytes:
    """What a proof of a record carries beside the path of its leaf; without the body if that is None."""
    form = _FORM_RECORD_WITHOUT_BODY if body is None else _FORM_RECORD
    return b"".join(
        (
            bytes([form]),
            leaf,
            _PLACE.pack(salt, place.position, place.chunk_records, len(place.path)),
            *place.path,
            _CHUNK_PLACE.pack(place.chunk, place.chunks, len(place.chunk_path), place.chunk_root),
            *place.chunk_path,
            head,
            body or b"",
        )
    )


def event_evidence(leaf: bytes, salt: bytes, statement: bytes) -> bytes:
    """What a proof of an event carries beside the path of its leaf."""
    return bytes([_FORM_EVENT]) + leaf + salt + statement


def proof_text(evidence: bytes, leaf_index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """A C2SP tlog-proof."""
    lines = ["c2sp.org/tlog-proof@v1", f"extra {_base64(evidence)}", f"index {leaf_index}", *map(_base64, path)]
    return "\n".join(lines) + "\n\n" + checkpoint


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
