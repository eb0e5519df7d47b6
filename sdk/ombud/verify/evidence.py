"""Proofs of records and events: what a leaf of our log commits to, and how a proof is written down.

A proof is a C2SP tlog-proof text: the magic line, `extra <base64>`, `index <leaf index>`, the audit path of the leaf
(a base64 hash a line), an empty line, and a signed checkpoint. The extra line carries the leaf and what it commits to.
All numbers are big-endian, times are microseconds since 1970-01-01T00:00:00Z, ids are the 16 bytes of a UUID.

Leaves, the entries of the log's tree:

    segment   u8 kind = 1 | u8 version = 1 | u8 class (1 chat, 2 audit) | u8 codec | 16 segment id | 16 key id
    128 bytes | u64 first index | u32 records | i64 first receive time | i64 last receive time
              | 32 inner root | 32 SHA-256 of the segment file
    event     u8 kind = 2 | u8 version = 1 | u16 event kind | 16 event id | i64 time | 32 commitment
    60 bytes

A segment holds its records in chunks, one a group. Its inner root is that of an RFC 6962 tree with an entry for each
chunk, `u32 records || 32 root`; a chunk's root is that of a tree whose entries are `salt (16) || record`, in the order
of the records' indexes. The codec (1: zstd, then AES-256-GCM) and the key id say how the segment file is written. A
record is

    u8 version = 1 | u8 class | 16 group id (zeros: none) | i64 receive time | i64 event time | u64 sequence | u64 index
    | u8 length of producer | producer | body (the rest)

An event's commitment is SHA-256(0x00 || salt (16) || statement).

The extra line, by its first byte (form):

    1 record, body apart   u8 form | 128 leaf | 16 salt
                           | u32 position in the chunk | u32 records of the chunk | u8 n | n * 32 path in the chunk
                           | u32 chunk | u32 chunks | u8 m | 32 root of the chunk | m * 32 path of the chunk
                           | record without its body
    2 record               as 1, with the body
    3 event                u8 form | 60 leaf | 16 salt | statement
"""

import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from ombud.verify.errors import VerificationError
from ombud.verify.note import Checkpoint, VerifierKey, decode_base64, decode_number, verify_checkpoint
from ombud.verify.tree import HASH_BYTES, leaf_hash, verify_inclusion

_MAGIC = "c2sp.org/tlog-proof@v1"
_SEGMENT_LEAF = struct.Struct(">BBBB16s16sQIqq32s32s")
_EVENT_LEAF = struct.Struct(">BBH16sq32s")
_RECORD = struct.Struct(">BB16sqqQQB")
_PLACE = struct.Struct(">16sIIB")
_CHUNK_PLACE = struct.Struct(">IIB32s")
_CHUNK = struct.Struct(">I32s")
_SALT_BYTES = 16
_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Kind(IntEnum):
    SEGMENT = 1
    EVENT = 2


class _Form(IntEnum):
    RECORD_WITHOUT_BODY = 1
    RECORD = 2
    EVENT = 3


class _SegmentLeaf(NamedTuple):
    kind: int
    version: int
    record_class: int
    codec: int
    segment_id: bytes
    key_id: bytes
    first_index: int
    records: int
    first_receive_time: int
    last_receive_time: int
    inner_root: bytes
    file_hash: bytes


class RecordClass(IntEnum):
    """Which class of records a segment holds."""

    CHAT = 1
    AUDIT = 2


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A record that the log provably holds.

    Attributes:
        record_class: Its class.
        group_id: The group it belongs to; None if it belongs to none.
        producer: Who sent it.
        sequence: Its number among the producer's records, from 1.
        index: Its index among all records of its class, from 0.
        receive_time: When the server received it, by its clock.
        event_time: When it happened, as the producer said.
        body: The record itself.
        leaf_index: The leaf of the log that commits to it.
        checkpoint: The signed checkpoint that covers it.
    """

    record_class: RecordClass
    group_id: UUID | None
    producer: str
    sequence: int
    index: int
    receive_time: datetime
    event_time: datetime
    body: bytes
    leaf_index: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """An event that the log provably holds.

    Attributes:
        kind: Its kind, as the enums of event kinds in `ombud.retention.v1` number it; no two share a number.
        event_id: Its id.
        time: When it happened, by the server's clock.
        statement: What the log committed to, such as a serialised `ombud.retention.v1.AccessEvent`.
        leaf_index: The leaf of the log.
        checkpoint: The signed checkpoint that covers it.
    """

    kind: int
    event_id: UUID
    time: datetime
    statement: bytes
    leaf_index: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class _Proof:
    extra: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str


def verify_record(proof: str, key: VerifierKey | str, body: bytes | None = None) -> VerifiedRecord:
    """Checks the proof of a record.

    Args:
        proof: The tlog-proof text.
        key: The log's verifier key.
        body: The record's body; needed if the proof does not carry it.

    Raises:
        VerificationError: The proof is malformed or does not prove that the log holds this record.
    """
    parsed = _parse(proof)
    form, rest = parsed.extra[:1], parsed.extra[1:]
    if form == bytes([_Form.RECORD_WITHOUT_BODY]):
        if body is None:
            raise VerificationError("the proof does not carry the record's body, and none was given")
        rest += body
    elif form != bytes([_Form.RECORD]):
        raise VerificationError("not the proof of a record")
    elif body is not None and not rest.endswith(body):
        raise VerificationError("the proof is of a record with another body")
    entry, rest = _split(rest, _SEGMENT_LEAF.size)
    leaf = _SegmentLeaf._make(_SEGMENT_LEAF.unpack(entry))
    place, rest = _split(rest, _PLACE.size)
    salt, position, records, height = _PLACE.unpack(place)
    path, rest = _path(rest, height)
    place, rest = _split(rest, _CHUNK_PLACE.size)
    chunk, chunks, height, root = _CHUNK_PLACE.unpack(place)
    chunk_path, record = _path(rest, height)
    verified = _record(parsed.index, leaf, record, _include(parsed, entry, key))
    if body is not None and verified.body != body:
        raise VerificationError("the proof is of a record with another body")
    verify_inclusion(leaf_hash(salt + record), position, records, root, path)
    verify_inclusion(leaf_hash(_CHUNK.pack(records, root)), chunk, chunks, leaf.inner_root, chunk_path)
    return verified


def verify_event(proof: str, key: VerifierKey | str) -> VerifiedEvent:
    """Checks the proof of an event.

    Args:
        proof: The tlog-proof text.
        key: The log's verifier key.

    Raises:
        VerificationError: The proof is malformed or does not prove that the log holds this event.
    """
    parsed = _parse(proof)
    if parsed.extra[:1] != bytes([_Form.EVENT]):
        raise VerificationError("not the proof of an event")
    leaf, rest = _split(parsed.extra[1:], _EVENT_LEAF.size)
    salt, statement = _split(rest, _SALT_BYTES)
    kind, version, event_kind, event_id, time, commitment = _EVENT_LEAF.unpack(leaf)
    if (kind, version) != (_Kind.EVENT, _VERSION):
        raise VerificationError("the leaf is not that of an event")
    if not hmac.compare_digest(leaf_hash(salt + statement), commitment):
        raise VerificationError("the leaf commits to another event")
    checkpoint = _include(parsed, leaf, key)
    return VerifiedEvent(event_kind, UUID(bytes=event_id), _instant(time), statement, parsed.index, checkpoint)


def verify_evidence(proof: str, key: VerifierKey | str, body: bytes | None = None) -> VerifiedRecord | VerifiedEvent:
    """Checks a proof of either kind; arguments and errors as in `verify_record`."""
    if _parse(proof).extra[:1] == bytes([_Form.EVENT]):
        return verify_event(proof, key)
    return verify_record(proof, key, body)


def _parse(proof: str) -> _Proof:
    head, separator, checkpoint = proof.partition("\n\n")
    lines = head.split("\n")
    if not separator or len(lines) < 3 or lines[0] != _MAGIC:  # noqa: PLR2004 - magic, extra and index
        raise VerificationError("not a C2SP tlog-proof")
    extra, index = lines[1].removeprefix("extra "), lines[2].removeprefix("index ")
    if extra == lines[1] or index == lines[2]:
        raise VerificationError("the proof needs an extra line and an index line")
    path = tuple(decode_base64(line) for line in lines[3:])
    if any(len(node) != HASH_BYTES for node in path):
        raise VerificationError("the proof has a hash of the wrong length")
    return _Proof(decode_base64(extra), decode_number(index), path, checkpoint)


def _include(proof: _Proof, leaf: bytes, key: VerifierKey | str) -> Checkpoint:
    checkpoint = verify_checkpoint(proof.checkpoint, key)
    verify_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, checkpoint.root, proof.path)
    return checkpoint


def _path(data: bytes, height: int) -> tuple[list[bytes], bytes]:
    """The hashes of an audit path, and what follows them."""
    hashes, rest = _split(data, height * HASH_BYTES)
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)], rest


def _record(leaf_index: int, leaf: _SegmentLeaf, record: bytes, checkpoint: Checkpoint) -> VerifiedRecord:
    if (leaf.kind, leaf.version) != (_Kind.SEGMENT, _VERSION):
        raise VerificationError("the leaf is not that of a segment")
    head, rest = _split(record, _RECORD.size)
    record_version, record_class, group, received, happened, sequence, index, length = _RECORD.unpack(head)
    producer, body = _split(rest, length)
    if record_version != _VERSION or record_class != leaf.record_class or record_class not in set(RecordClass):
        raise VerificationError("the record is not one of its segment's class")
    if not 0 <= index - leaf.first_index < leaf.records:
        raise VerificationError("the record's index is not one of its segment's")
    try:
        name = producer.decode()
    except UnicodeDecodeError as error:
        raise VerificationError("the producer is not text") from error
    return VerifiedRecord(
        record_class=RecordClass(record_class),
        group_id=UUID(bytes=group) if any(group) else None,
        producer=name,
        sequence=sequence,
        index=index,
        receive_time=_instant(received),
        event_time=_instant(happened),
        body=body,
        leaf_index=leaf_index,
        checkpoint=checkpoint,
    )


def _split(data: bytes, length: int) -> tuple[bytes, bytes]:
    if len(data) < length:
        raise VerificationError("the proof is cut short")
    return data[:length], data[length:]


def _instant(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise VerificationError("a time is out of range") from error
