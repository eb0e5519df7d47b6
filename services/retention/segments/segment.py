"""The segment file: records of one class, chunk by group, each chunk with the key of its own salts.

All numbers are big-endian. Layout:

    "OMBUDSEG" | u16 version = 1 | u8 class | u8 codec | 16 segment id | 16 key id | u64 first index | u32 records
    | i64 first receive time | i64 last receive time | 32 inner root | u32 runs | u32 chunks
    run      i64 receive time | u64 first sequence | u32 first ordinal | u32 records | u8 length of producer | producer
    chunk    16 group id | u64 offset in the file | u64 length | u32 records
    then the chunks: 32 salt key | u32 ordinal a record | i64 event time a record | u32 length a record | bodies

A record's ordinal is its place in the segment, its index less the segment's first. A run is a batch as it was
received. Salt n of a chunk is bytes 16n to 16n + 16 of the AES-256-CTR keystream of its salt key, counter from zero:
who loses the chunk loses its salts, and the commitments tell nothing any more. Codec and key id say how chunks are
compressed and encrypted; 0 is neither.
"""

import secrets
import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from services.retention.errors import DamagedError
from services.retention.log.leaves import SALT_BYTES, Codec, RecordClass, SegmentLeaf, record_head, record_leaf
from services.retention.log.tree import Tree
from services.retention.segments.records import Cursor, ReceivedBatch, RecordBatch, pack_column

_MAGIC = b"OMBUDSEG"
_VERSION = 1
_HEADER = struct.Struct(">8sHBB16s16sQIqq32sII")
_RUN = struct.Struct(">qQIIB")
_CHUNK = struct.Struct(">16sQQI")
_SALT_KEY_BYTES = 32


class Record(NamedTuple):
    """A record as the segment holds it."""

    ordinal: int
    group: bytes
    producer: str
    sequence: int
    receive_time: int
    event_time: int
    body: bytes
    salt: bytes


class Run(NamedTuple):
    """A batch as it was received: consecutive records of one producer."""

    receive_time: int
    first_sequence: int
    first_ordinal: int
    length: int
    producer: str


class _Place(NamedTuple):
    """Where a group's chunk lies in the file."""

    offset: int
    length: int
    records: int


@dataclass(slots=True)
class _Chunk:
    """A group's records while a segment is built."""

    salt_key: bytes = field(default_factory=lambda: secrets.token_bytes(_SALT_KEY_BYTES))
    ordinals: list[int] = field(default_factory=list)
    event_times: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        """Ordinal and leaf hash of each record."""
        salts = _salts(self.salt_key, len(self.ordinals))
        for ordinal, salt, head, body in zip(self.ordinals, salts, self.heads, self.bodies, strict=True):
            yield ordinal, record_leaf(salt, head, body)

    def encode(self) -> bytes:
        columns = (
            pack_column("I", self.ordinals),
            pack_column("q", self.event_times),
            pack_column("I", [len(body) for body in self.bodies]),
        )
        return b"".join((self.salt_key, *columns, *self.bodies))


def _salts(key: bytes, count: int) -> list[bytes]:
    stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(SALT_BYTES * count))
    return [stream[at : at + SALT_BYTES] for at in range(0, len(stream), SALT_BYTES)]


def build(record_class: RecordClass, segment_id: UUID, batches: Sequence[ReceivedBatch]) -> tuple[bytes, SegmentLeaf]:
    """Seals batches.

    Args:
        record_class: The class of all records.
        segment_id: A new id.
        batches: At least one record, in the order of their indexes, without gaps.

    Returns:
        The file's bytes and the leaf that commits to them.
    """
    chunks: defaultdict[bytes, _Chunk] = defaultdict(_Chunk)
    runs: list[bytes] = []
    ordinal = 0
    for received in batches:
        runs.append(_run(received, ordinal))
        _distribute(record_class, received, ordinal, chunks)
        ordinal += len(received.batch)
    hashes = [b""] * ordinal
    for chunk in chunks.values():
        for at, record_hash in chunk.leaves():
            hashes[at] = record_hash
    leaf = SegmentLeaf(
        segment_id=segment_id,
        record_class=record_class,
        first_index=batches[0].first_index,
        count=ordinal,
        first_receive_time=min(received.receive_time for received in batches),
        last_receive_time=max(received.receive_time for received in batches),
        inner_root=Tree(hashes).root(ordinal),
        file_hash=b"",
    )
    content = _assemble(leaf, runs, chunks)
    return content, replace(leaf, file_hash=sha256(content).digest())


def _run(received: ReceivedBatch, ordinal: int) -> bytes:
    batch, producer = received.batch, received.batch.producer.encode()
    return _RUN.pack(received.receive_time, batch.first_sequence, ordinal, len(batch), len(producer)) + producer


def _distribute(
    record_class: RecordClass, received: ReceivedBatch, ordinal: int, chunks: defaultdict[bytes, _Chunk]
) -> None:
    """Adds each record of a batch to its group's chunk."""
    batch, producer = received.batch, received.batch.producer.encode()
    sequence = batch.first_sequence
    of_index = [(group, chunks[group]) for group in batch.groups]
    for index, event_time, body in zip(batch.group_indexes, batch.event_times, batch.bodies, strict=True):
        group, chunk = of_index[index]
        chunk.ordinals.append(ordinal)
        chunk.event_times.append(event_time)
        chunk.heads.append(
            record_head(
                record_class,
                group,
                producer,
                receive_time=received.receive_time,
                event_time=event_time,
                sequence=sequence,
            )
        )
        chunk.bodies.append(body)
        ordinal += 1
        sequence += 1


def _assemble(leaf: SegmentLeaf, runs: Sequence[bytes], chunks: dict[bytes, _Chunk]) -> bytes:
    used = {group: chunk.encode() for group, chunk in chunks.items() if chunk.ordinals}
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        leaf.record_class,
        leaf.codec,
        leaf.segment_id.bytes,
        leaf.key_id,
        leaf.first_index,
        leaf.count,
        leaf.first_receive_time,
        leaf.last_receive_time,
        leaf.inner_root,
        len(runs),
        len(used),
    )
    offset = len(header) + sum(map(len, runs)) + len(used) * _CHUNK.size
    table: list[bytes] = []
    for group, encoded in used.items():
        table.append(_CHUNK.pack(group, offset, len(encoded), len(chunks[group].ordinals)))
        offset += len(encoded)
    return b"".join((header, *runs, *table, *used.values()))


class Segment:
    """A segment file that was read back.

    Args:
        content: The file's bytes.
        name: The file's name, for errors.

    Raises:
        DamagedError: It is no segment file, or not a whole one.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._content = content
        self._name = name
        cursor = Cursor(content, name)
        header = _HEADER.unpack(cursor.take(_HEADER.size))
        if header[:2] != (_MAGIC, _VERSION) or header[3] != Codec.PLAIN:
            raise DamagedError(f"{name}: not a segment file of a known version and codec")
        self.record_class = RecordClass(header[2])
        self.segment_id = UUID(bytes=header[4])
        self.first_index: int = header[6]
        self.count: int = header[7]
        self.inner_root: bytes = header[10]
        self.runs: list[Run] = []
        for _ in range(header[11]):
            receive_time, first_sequence, first_ordinal, length, name_length = cursor.unpack(_RUN)
            producer = cursor.text(name_length)
            self.runs.append(Run(receive_time, first_sequence, first_ordinal, length, producer))
        self._first_ordinals = [run.first_ordinal for run in self.runs]
        self._chunks: dict[bytes, _Place] = {}
        for _ in range(header[12]):
            group, *place = _CHUNK.unpack(cursor.take(_CHUNK.size))
            self._chunks[group] = _Place(*place)

    def records(self, groups: Iterable[bytes] | None = None) -> list[Record]:
        """The records of some groups, or all, in the order of their ordinals."""
        wanted = self._chunks if groups is None else [group for group in groups if group in self._chunks]
        found = [record for group in wanted for record in self._chunk(group)]
        found.sort(key=lambda record: record.ordinal)
        return found

    @cached_property
    def all_records(self) -> list[Record]:
        """Every record, by ordinal."""
        return self.records()

    @cached_property
    def tree(self) -> Tree:
        """The inner tree.

        Raises:
            DamagedError: The records are not those that the log committed to.
        """
        tree = Tree(record_leaf(record.salt, self.head(record), record.body) for record in self.all_records)
        if tree.root(tree.size) != self.inner_root:
            raise DamagedError(f"{self._name}: the records do not lead to the segment's root")
        return tree

    def head(self, record: Record) -> bytes:
        """The committed bytes of a record up to its body."""
        return record_head(
            self.record_class,
            record.group,
            record.producer.encode(),
            receive_time=record.receive_time,
            event_time=record.event_time,
            sequence=record.sequence,
        )

    def run_of(self, producer: str, sequence: int) -> Run | None:
        """The run that holds a record."""
        for run in self.runs:
            if run.producer == producer and 0 <= sequence - run.first_sequence < run.length:
                return run
        return None

    def batch(self, run: Run) -> RecordBatch:
        """A run as its producer sent it."""
        records = self.all_records[run.first_ordinal : run.first_ordinal + run.length]
        groups = list(dict.fromkeys(record.group for record in records))
        position = {group: index for index, group in enumerate(groups)}
        return RecordBatch(
            producer=run.producer,
            first_sequence=run.first_sequence,
            groups=groups,
            group_indexes=[position[record.group] for record in records],
            event_times=[record.event_time for record in records],
            bodies=[record.body for record in records],
        )

    def _chunk(self, group: bytes) -> Iterator[Record]:
        place = self._chunks[group]
        cursor = Cursor(self._content[place.offset : place.offset + place.length], self._name)
        salts = _salts(cursor.take(_SALT_KEY_BYTES), place.records)
        ordinals = cursor.column("I", place.records)
        event_times = cursor.column("q", place.records)
        bodies = cursor.bodies(cursor.column("I", place.records))
        for ordinal, event_time, body, salt in zip(ordinals, event_times, bodies, salts, strict=True):
            run = self.runs[bisect_right(self._first_ordinals, ordinal) - 1]
            sequence = run.first_sequence + ordinal - run.first_ordinal
            yield Record(ordinal, group, run.producer, sequence, run.receive_time, event_time, body, salt)
