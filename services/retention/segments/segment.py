"""Reading segment files back."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from services.retention.errors import DamagedError
from services.retention.keys.domain import Scope, wipe
from services.retention.log.leaves import (
    CHUNK_ENTRY,
    Codec,
    HeadFields,
    Place,
    RecordClass,
    record_heads,
    record_leaves,
)
from services.retention.log.tree import Tree, leaf_hash
from services.retention.segments import layout
from services.retention.segments.chunk import ChunkCodec, ChunkKeys, Columns
from services.retention.segments.layout import Run
from services.retention.segments.records import Cursor, RecordBatch, from_micros


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


class _Entry(NamedTuple):
    """A chunk in the file's table."""

    group: bytes
    offset: int
    length: int
    records: int
    root: bytes


class _Opened(NamedTuple):
    """The records of a chunk, with their salts, and the tree over them."""

    columns: Columns
    salts: Sequence[bytes]
    tree: Tree


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
        self._opened: dict[bytes, _Opened] = {}
        cursor = Cursor(content, name)
        header = layout.HEADER.unpack(cursor.take(layout.HEADER.size))
        if header[:2] != (layout.MAGIC, layout.VERSION) or header[3] != Codec.ZSTD_AES_256_GCM:
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
            receive_time, first_sequence, first_ordinal, length, name_length = cursor.unpack(layout.RUN)
            producer = cursor.text(name_length)
            self.runs.append(Run(receive_time, first_sequence, first_ordinal, length, producer))
        self._producers = {run.producer: run.producer.encode() for run in self.runs}
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

    def count_of(self, group: bytes) -> int:
        """How many records of a group are here."""
        return self._table[self._position[group]].records if group in self._position else 0

    def records(self, groups: Iterable[bytes] | None = None) -> list[Record]:
        """The records of some groups, or all, in the order of their ordinals.

        Raises:
            DamagedError: A chunk does not hold what the segment's root commits to.
        """
        wanted = self._position if groups is None else [group for group in groups if group in self._position]
        found = [self._record(group, at) for group in wanted for at in range(len(self._chunk(group).columns.ordinals))]
        found.sort(key=lambda record: record.ordinal)
        return found

    def record(self, ordinal: int, group: bytes | None = None) -> Record | None:
        """The record with an ordinal; None if it is not the given group's. Errors as for `records`.

        Without a group, chunks are opened until it is found, those first that it is most likely in.
        """
        likely = sorted(self._table, key=lambda entry: entry.records, reverse=True)
        for each in [entry.group for entry in likely] if group is None else [group] if group in self._position else []:
            ordinals = self._chunk(each).columns.ordinals
            at = bisect_left(ordinals, ordinal)
            if at < len(ordinals) and ordinals[at] == ordinal:
                return self._record(each, at)
        return None

    def check(self) -> None:
        """Opens every chunk and keeps none; errors as for `records`."""
        for entry in self._table:
            self._open(entry)

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
        entry, opened = self._table[chunk], self._chunk(record.group)
        position = bisect_left(opened.columns.ordinals, record.ordinal)
        return Place(
            position=position,
            path=opened.tree.inclusion(position, entry.records),
            chunk=chunk,
            chunks=len(self._table),
            chunk_records=entry.records,
            chunk_root=entry.root,
            chunk_path=self.tree.inclusion(chunk, len(self._table)),
        )

    def head(self, record: Record) -> bytes:
        """The committed bytes of a record up to its body."""
        _, group, producer, sequence, receive_time, event_time, _, _ = record
        index = self.first_index + record.ordinal
        return record_heads(self.record_class, [(group, producer.encode(), receive_time, event_time, sequence, index)])[
            0
        ]

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
        rows = [layout.CHUNK.unpack(cursor.take(layout.CHUNK.size)) for _ in range(chunks)]
        cursor.take(layout.CHECKSUM.size)
        offset = cursor.at
        table: list[_Entry] = []
        for group, length, records, root, _ in rows:
            table.append(_Entry(group, offset, length, records, root))
            offset += length
        if offset != len(self._content):
            raise DamagedError(f"{self._name}: {len(self._content)} bytes, not {offset}")
        return table

    def _chunk(self, group: bytes) -> _Opened:
        if (opened := self._opened.get(group)) is None:
            opened = self._opened[group] = self._open(self._table[self._position[group]])
        return opened

    def _record(self, group: bytes, at: int) -> Record:
        """A record by its position in its group's chunk."""
        (ordinals, event_times, bodies), salts, _ = self._chunk(group)
        run = self._run(ordinals[at])
        sequence = run.first_sequence + ordinals[at] - run.first_ordinal
        place = (ordinals[at], group, run.producer, sequence, run.receive_time)
        return Record(*place, event_times[at], bodies[at], salts[at])

    def _run(self, ordinal: int) -> Run:
        return self.runs[bisect_right(self._first_ordinals, ordinal) - 1]

    def _open(self, entry: _Entry) -> _Opened:
        """Decrypts a chunk, and checks it against its root."""
        _ = self.tree
        scope_key = self._day_scope_key(self.day, Scope(self.record_class, entry.group))
        keys = ChunkKeys.derive(scope_key, self.segment_id)
        wipe(scope_key)
        chunk = self._content[entry.offset : entry.offset + entry.length]
        try:
            columns = self._codec_of(self.dictionary).decode(keys, chunk, entry.records, self._name)
            salts = keys.salt(entry.records)
        finally:
            keys.wipe()
        heads = record_heads(self.record_class, self._fields(entry.group, columns))
        tree = Tree(record_leaves(salts, heads, columns.bodies))
        in_order = all(before < after for before, after in pairwise(columns.ordinals))
        if not in_order or tree.root(tree.size) != entry.root:
            raise DamagedError(f"{self._name}: the records of a chunk do not lead to its root")
        return _Opened(columns, salts, tree)

    def _fields(self, group: bytes, columns: Columns) -> Iterator[HeadFields]:
        for ordinal, event_time in zip(columns.ordinals, columns.event_times, strict=True):
            receive_time, first_sequence, first_ordinal, _, producer = self._run(ordinal)
            sequence = first_sequence + ordinal - first_ordinal
            yield group, self._producers[producer], receive_time, event_time, sequence, self.first_index + ordinal
