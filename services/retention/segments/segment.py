"""Reading segment files back."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from services.retention.errors import DamagedError
from services.retention.keys.domain import Scope, wipe
from services.retention.log.leaves import CHUNK_ENTRY, Codec, Place, RecordClass, record_head, record_leaves
from services.retention.log.tree import Tree, leaf_hash
from services.retention.segments import layout
from services.retention.segments.chunk import ChunkCodec, ChunkKeys
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
        heads, bodies = [self.head(record) for record in records], [record.body for record in records]
        tree = Tree(record_leaves(salts, heads, bodies))
        in_order = all(before.ordinal < after.ordinal for before, after in pairwise(records))
        if not in_order or tree.root(tree.size) != entry.root:
            raise DamagedError(f"{self._name}: the records of a chunk do not lead to its root")
        return records, tree
