"""The segment file: records of one class and one UTC day, in a chunk for each group.

All numbers are big-endian. Layout:

    "OMBUDSEG" | u16 version = 1 | u8 class | u8 codec = 1 | 16 segment id | 16 key id | u64 first index | u32 records
    | i64 first receive time | i64 last receive time | 32 inner root | 32 dictionary | u32 runs | u32 chunks
    run      i64 receive time | u64 first sequence | u32 first ordinal | u32 records | u8 length of producer | producer
    chunk    16 group id | u32 length | u32 records | 32 root
    then the chunks, in the order of their table (`chunk.py` has their form)

A record's ordinal is its place in the segment, its index less the segment's first. A run is a batch as it was
received. The key id names the secret of the day, the dictionary is given by its SHA-256 (zeros: none).

The inner root is that of an RFC 6962 tree with an entry for each chunk, `u32 records || 32 root`; a chunk's root is
that of the tree over its records, each `salt || record`. So whoever can open one group's chunk can prove its records,
and that they are all of the chunk, also when no other chunk can be opened any more.
"""

import struct
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from hashlib import sha256
from itertools import count, pairwise
from typing import NamedTuple
from uuid import UUID

from services.retention.errors import DamagedError
from services.retention.keys.domain import Scope, wipe
from services.retention.log.leaves import (
    CHUNK_ENTRY,
    Codec,
    Place,
    RecordClass,
    SegmentLeaf,
    record_head,
    record_heads,
    record_leaf,
)
from services.retention.log.tree import Tree, leaf_hash
from services.retention.segments.chunk import ChunkCodec, ChunkKeys
from services.retention.segments.records import Cursor, ReceivedBatch, RecordBatch, from_micros

ScopeKey = Callable[[Scope], bytearray]
"""Gives the key of a scope on the segment's day; who asks wipes it."""

_MAGIC = b"OMBUDSEG"
_VERSION = 1
_HEADER = struct.Struct(">8sHBB16s16sQIqq32s32sII")
_RUN = struct.Struct(">qQIIB")
_CHUNK = struct.Struct(">16sII32s")


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


class _Entry(NamedTuple):
    """A chunk in the file's table."""

    group: bytes
    offset: int
    length: int
    records: int
    root: bytes


@dataclass(slots=True)
class _Draft:
    """A group's records while a segment is built."""

    ordinals: list[int] = field(default_factory=list)
    event_times: list[int] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sealing:
    """What segments of a day are encrypted and compressed with.

    Attributes:
        key_id: Of the day's secret.
        scope_key: Gives the key of a scope.
        codec: Compresses.
    """

    key_id: bytes
    scope_key: ScopeKey
    codec: ChunkCodec

    def chunk_keys(self, scope: Scope, segment_id: UUID) -> ChunkKeys:
        """The keys of a chunk."""
        scope_key = self.scope_key(scope)
        keys = ChunkKeys.derive(scope_key, segment_id)
        wipe(scope_key)
        return keys


def build(
    record_class: RecordClass, segment_id: UUID, batches: Sequence[ReceivedBatch], sealing: Sealing
) -> tuple[bytes, SegmentLeaf]:
    """Seals batches.

    Args:
        record_class: The class of all records.
        segment_id: A new id.
        batches: At least one record, in the order of their indexes, without gaps, all received on one UTC day.
        sealing: Of that day.

    Returns:
        The file's bytes and the leaf that commits to them.
    """
    drafts: defaultdict[bytes, _Draft] = defaultdict(_Draft)
    runs: list[bytes] = []
    first_index, ordinal = batches[0].first_index, 0
    for received in batches:
        batch, producer = received.batch, received.batch.producer.encode()
        run = _RUN.pack(received.receive_time, batch.first_sequence, ordinal, len(batch), len(producer))
        runs.append(run + producer)
        _distribute(record_class, received, ordinal, drafts)
        ordinal += len(received.batch)
    table: list[bytes] = []
    chunks: list[bytes] = []
    entries: list[bytes] = []
    for group, draft in drafts.items():
        records = len(draft.ordinals)
        if not records:
            continue
        keys = sealing.chunk_keys(Scope(record_class, group), segment_id)
        leaves = map(record_leaf, keys.salt(records), draft.heads, draft.bodies)
        root = Tree(leaves).root(records)
        chunks.append(sealing.codec.encode(keys, draft.ordinals, draft.event_times, draft.bodies))
        table.append(_CHUNK.pack(group, len(chunks[-1]), records, root))
        entries.append(leaf_hash(CHUNK_ENTRY.pack(records, root)))
    leaf = SegmentLeaf(
        segment_id=segment_id,
        record_class=record_class,
        first_index=first_index,
        count=ordinal,
        first_receive_time=min(received.receive_time for received in batches),
        last_receive_time=max(received.receive_time for received in batches),
        inner_root=Tree(entries).root(len(entries)),
        file_hash=b"",
        codec=Codec.ZSTD_AES_256_GCM,
        key_id=sealing.key_id,
    )
    content = b"".join((_header(leaf, sealing.codec.dictionary_hash, len(runs), len(table)), *runs, *table, *chunks))
    return content, replace(leaf, file_hash=sha256(content).digest())


def _distribute(
    record_class: RecordClass, received: ReceivedBatch, ordinal: int, drafts: defaultdict[bytes, _Draft]
) -> None:
    """Adds each record of a batch to its group's chunk."""
    batch = received.batch
    heads = record_heads(
        record_class,
        [batch.groups[at] for at in batch.group_indexes],
        batch.producer.encode(),
        receive_time=received.receive_time,
        event_times=batch.event_times,
        first_sequence=batch.first_sequence,
        first_index=received.first_index,
    )
    of_group = [drafts[group] for group in batch.groups]
    rows = zip(batch.group_indexes, count(ordinal), batch.event_times, heads, batch.bodies, strict=False)
    for at, place, event_time, head, body in rows:
        draft = of_group[at]
        draft.ordinals.append(place)
        draft.event_times.append(event_time)
        draft.heads.append(head)
        draft.bodies.append(body)


def _header(leaf: SegmentLeaf, dictionary: bytes, runs: int, chunks: int) -> bytes:
    return _HEADER.pack(
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
        dictionary,
        runs,
        chunks,
    )


class Segment:
    """A segment file that was read back. What it says in the clear is there at once; records need keys.

    Args:
        content: The file's bytes.
        name: The file's name, for errors.
        day_scope_key: Gives the key of a scope on a day; what it raises, reading records raises.
        codec_of: Gives the codec for a dictionary's hash.

    Raises:
        DamagedError: It is no segment file, or not a whole one.
    """

    def __init__(
        self,
        content: bytes,
        name: str,
        day_scope_key: Callable[[date, Scope], bytearray],
        codec_of: Callable[[bytes], ChunkCodec],
    ) -> None:
        self._content = content
        self._name = name
        self._day_scope_key = day_scope_key
        self._codec_of = codec_of
        self._opened: dict[bytes, tuple[list[Record], Tree]] = {}
        cursor = Cursor(content, name)
        header = _HEADER.unpack(cursor.take(_HEADER.size))
        if header[:2] != (_MAGIC, _VERSION) or header[3] != Codec.ZSTD_AES_256_GCM:
            raise DamagedError(f"{name}: not a segment file of a known version and codec")
        self.record_class = RecordClass(header[2])
        self.segment_id = UUID(bytes=header[4])
        self.key_id: bytes = header[5]
        self.first_index: int = header[6]
        self.count: int = header[7]
        self.first_receive_time: int = header[8]
        self.last_receive_time: int = header[9]
        self.inner_root: bytes = header[10]
        self.dictionary: bytes = header[11]
        self.runs: list[Run] = []
        for _ in range(header[12]):
            receive_time, first_sequence, first_ordinal, length, name_length = cursor.unpack(_RUN)
            producer = cursor.text(name_length)
            self.runs.append(Run(receive_time, first_sequence, first_ordinal, length, producer))
        self._first_ordinals = [run.first_ordinal for run in self.runs]
        self._table = self._read_table(cursor, header[13])
        self._position = {entry.group: at for at, entry in enumerate(self._table)}

    @property
    def day(self) -> date:
        """The UTC day on which all records were received."""
        return from_micros(self.first_receive_time).date()

    @property
    def groups(self) -> list[bytes]:
        """The groups that have records here."""
        return list(self._position)

    def records(self, groups: Iterable[bytes] | None = None) -> list[Record]:
        """The records of some groups, or all, in the order of their ordinals.

        Raises:
            DamagedError: A chunk does not hold what the segment's root commits to.
        """
        wanted = self._position if groups is None else [group for group in groups if group in self._position]
        found = [record for group in wanted for record in self._chunk(group)[0]]
        found.sort(key=lambda record: record.ordinal)
        return found

    def record(self, ordinal: int, group: bytes | None = None) -> Record | None:
        """The record with an ordinal; None if it is not the given group's. Errors as for `records`.

        Without a group, chunks are opened until it is found, those first that it is most likely in.
        """
        likely = sorted(self._table, key=lambda entry: entry.records, reverse=True)
        for each in [entry.group for entry in likely] if group is None else [group] if group in self._position else []:
            records, _ = self._chunk(each)
            at = bisect_left(records, ordinal, key=lambda record: record.ordinal)
            if at < len(records) and records[at].ordinal == ordinal:
                return records[at]
        return None

    @cached_property
    def all_records(self) -> list[Record]:
        """Every record, by ordinal; errors as for `records`."""
        return self.records()

    @cached_property
    def tree(self) -> Tree:
        """The tree over the chunks.

        Raises:
            DamagedError: It does not lead to the segment's root.
        """
        tree = Tree(leaf_hash(CHUNK_ENTRY.pack(entry.records, entry.root)) for entry in self._table)
        if tree.root(tree.size) != self.inner_root or sum(entry.records for entry in self._table) != self.count:
            raise DamagedError(f"{self._name}: the chunks do not lead to the segment's root")
        return tree

    def place(self, record: Record) -> Place:
        """Where a record is in the segment's trees; errors as for `records`."""
        chunk = self._position[record.group]
        entry, (records, tree) = self._table[chunk], self._chunk(record.group)
        position = bisect_left(records, record.ordinal, key=lambda each: each.ordinal)
        return Place(
            position=position,
            path=tree.inclusion(position, entry.records),
            chunk=chunk,
            chunks=len(self._table),
            chunk_records=entry.records,
            chunk_root=entry.root,
            chunk_path=self.tree.inclusion(chunk, len(self._table)),
        )

    def head(self, record: Record) -> bytes:
        """The committed bytes of a record up to its body."""
        return record_head(
            self.record_class,
            record.group,
            record.producer.encode(),
            receive_time=record.receive_time,
            event_time=record.event_time,
            sequence=record.sequence,
            index=self.first_index + record.ordinal,
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

    def _read_table(self, cursor: Cursor, chunks: int) -> list[_Entry]:
        rows = [_CHUNK.unpack(cursor.take(_CHUNK.size)) for _ in range(chunks)]
        offset = cursor.at
        table: list[_Entry] = []
        for group, length, records, root in rows:
            table.append(_Entry(group, offset, length, records, root))
            offset += length
        if offset != len(self._content):
            raise DamagedError(f"{self._name}: {len(self._content)} bytes, not {offset}")
        return table

    def _chunk(self, group: bytes) -> tuple[list[Record], Tree]:
        if (opened := self._opened.get(group)) is None:
            opened = self._opened[group] = self._open(self._table[self._position[group]])
        return opened

    def _open(self, entry: _Entry) -> tuple[list[Record], Tree]:
        """Decrypts a chunk; returns its records and the tree over them."""
        _ = self.tree
        scope_key = self._day_scope_key(self.day, Scope(self.record_class, entry.group))
        keys = ChunkKeys.derive(scope_key, self.segment_id)
        wipe(scope_key)
        chunk = self._content[entry.offset : entry.offset + entry.length]
        try:
            entries = self._codec_of(self.dictionary).decode(keys, chunk, entry.records, self._name)
            salts = keys.salt(entry.records)
        finally:
            keys.wipe()
        records: list[Record] = []
        for (ordinal, event_time, body), salt in zip(entries, salts, strict=True):
            run = self.runs[bisect_right(self._first_ordinals, ordinal) - 1]
            sequence = run.first_sequence + ordinal - run.first_ordinal
            records.append(
                Record(ordinal, entry.group, run.producer, sequence, run.receive_time, event_time, body, salt)
            )
        tree = Tree(record_leaf(record.salt, self.head(record), record.body) for record in records)
        in_order = all(before.ordinal < after.ordinal for before, after in pairwise(records))
        if not in_order or tree.root(tree.size) != entry.root:
            raise DamagedError(f"{self._name}: the records of a chunk do not lead to its root")
        return records, tree
