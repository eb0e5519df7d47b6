"""Building segments: what waits in batches becomes a file, and the leaf that commits to it."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count, repeat
from uuid import UUID

from services.retention.keys.domain import Scope, wipe
from services.retention.log.leaves import (
    CHUNK_ENTRY,
    Codec,
    RecordClass,
    SegmentLeaf,
    record_heads,
    record_leaves,
)
from services.retention.log.tree import Tree, leaf_hash
from services.retention.segments import layout
from services.retention.segments.chunk import ChunkCodec, ChunkKeys
from services.retention.segments.records import ReceivedBatch

ScopeKey = Callable[[Scope], bytearray]
"""Gives the key of a scope on the segment's day; who asks wipes it."""


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


@dataclass(slots=True)
class _Columns:
    """The records of a segment as columns, each by ordinal; and the ordinals of each group's."""

    record_class: RecordClass
    ordinals: defaultdict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    heads: list[bytes] = field(default_factory=list)
    event_times: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def add(self, received: ReceivedBatch) -> bytes:
        """Adds a batch; returns its run."""
        batch, producer, first = received.batch, received.batch.producer.encode(), len(self.bodies)
        of_group = [self.ordinals[group] for group in batch.groups]
        for at, ordinal in zip(batch.group_indexes, count(first), strict=False):
            of_group[at].append(ordinal)
        fields = zip(
            [batch.groups[at] for at in batch.group_indexes],
            repeat(producer),
            repeat(received.receive_time),
            batch.event_times,
            count(batch.first_sequence),
            count(received.first_index),
            strict=False,
        )
        self.heads += record_heads(self.record_class, fields)
        self.event_times += batch.event_times
        self.bodies += batch.bodies
        run = layout.RUN.pack(received.receive_time, batch.first_sequence, first, len(batch), len(producer))
        return run + producer


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A group's chunk: its row of the table, its entry in the segment's tree, its bytes."""

    row: bytes
    entry: bytes
    content: bytes


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
    columns = _Columns(record_class)
    runs = [columns.add(received) for received in batches]
    chunks = [
        _chunk(columns, group, ordinals, segment_id, sealing)
        for group, ordinals in columns.ordinals.items()
        if ordinals
    ]
    leaf = SegmentLeaf(
        segment_id=segment_id,
        record_class=record_class,
        first_index=batches[0].first_index,
        count=len(columns.bodies),
        first_receive_time=min(received.receive_time for received in batches),
        last_receive_time=max(received.receive_time for received in batches),
        inner_root=Tree(chunk.entry for chunk in chunks).root(len(chunks)),
        file_hash=b"",
        codec=Codec.ZSTD_AES_256_GCM,
        key_id=sealing.key_id,
    )
    header = _header(leaf, sealing.codec.dictionary_hash, len(runs), len(chunks))
    rows, contents = [chunk.row for chunk in chunks], [chunk.content for chunk in chunks]
    head = b"".join((header, *runs, *rows))
    content = b"".join((head, layout.CHECKSUM.pack(zlib.crc32(head)), *contents))
    return content, replace(leaf, file_hash=sha256(content).digest())


def _chunk(columns: _Columns, group: bytes, ordinals: list[int], segment_id: UUID, sealing: Sealing) -> _Chunk:
    keys = sealing.chunk_keys(Scope(columns.record_class, group), segment_id)
    records = len(ordinals)
    heads = [columns.heads[ordinal] for ordinal in ordinals]
    event_times = [columns.event_times[ordinal] for ordinal in ordinals]
    bodies = [columns.bodies[ordinal] for ordinal in ordinals]
    root = Tree(record_leaves(keys.salt(records), heads, bodies)).root(records)
    content = sealing.codec.encode(keys, ordinals, event_times, bodies)
    row = layout.CHUNK.pack(group, len(content), records, root, zlib.crc32(content))
    return _Chunk(row, leaf_hash(CHUNK_ENTRY.pack(records, root)), content)


def _header(leaf: SegmentLeaf, dictionary: bytes, runs: int, chunks: int) -> bytes:
    return layout.HEADER.pack(
        layout.MAGIC,
        layout.VERSION,
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
