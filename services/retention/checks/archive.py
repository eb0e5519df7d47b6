"""The segment files and the catalogue: each segment leaf has its file, and the catalogue says what both do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from sqlmodel import Session, select

from chassis.refusal import Refusal
from ombud.verify import SegmentLeaf
from services.retention.checks.findings import Finding
from services.retention.errors import DamagedError
from services.retention.keys.keys import Keys
from services.retention.log.leaves import RecordClass
from services.retention.segments.archive import DICTIONARIES
from services.retention.segments.chunk import ChunkCodec
from services.retention.segments.models import ProducerHead, SegmentProducer, SegmentRow
from services.retention.segments.records import from_micros
from services.retention.segments.segment import Segment
from services.retention.segments.storage import SegmentStorage


@dataclass(frozen=True, slots=True)
class _Found:
    """A segment leaf with what the file that it commits to says of producers."""

    leaf_index: int
    leaf: SegmentLeaf
    name: str
    producers: list[SegmentProducer]


class _Copy(NamedTuple):
    """One of the copies of a file, with its SHA-256; covered if another one was put over it."""

    content: bytes
    hash: bytes
    covered: bool


class Segments:
    """Checks the segments of a log.

    Args:
        storage: The segment files.
        keys: Opens the records of days that are not closed; those of others are checked by their hash alone.
        session: The catalogue.
        leaves: The segment leaves by their index.
        purged: The leaves whose segments a purge took: their files may be gone.
    """

    def __init__(
        self,
        storage: SegmentStorage,
        keys: Keys,
        session: Session,
        leaves: Mapping[int, SegmentLeaf],
        purged: frozenset[int],
    ) -> None:
        self._storage = storage
        self._keys = keys
        self._session = session
        self._leaves = leaves
        self._purged = purged
        self._codecs = {bytes(32): ChunkCodec()}
        self.bytes_read = 0

    def check(self) -> Iterator[Finding]:
        """What is not as the leaves say."""
        wanted = {leaf.file_hash: (index, leaf) for index, leaf in self._leaves.items()}
        rows = {row.segment_id: row for row in self._session.exec(select(SegmentRow))}
        # A service that runs goes on: what is of later leaves is not looked at.
        named = {row.file: row for row in rows.values() if row.leaf_index in self._leaves}
        found: list[_Found] = []
        names = list(self._storage.names())
        yield from self._dictionaries([name for name in names if name.startswith(DICTIONARIES)])
        for name in names:
            if name.startswith(DICTIONARIES):
                continue
            copy = self._copy(name, wanted.__contains__)
            if (known := wanted.pop(copy.hash, None)) is not None:
                index, leaf = known
                segment = self._open(copy.content, name)
                found.append(_Found(index, leaf, name, _spans(segment)))
                if copy.covered:
                    yield self._uncovered(name, copy.content, leaf)
                if index not in self._purged:
                    yield from self._records(segment, leaf, f"segments/{name}")
            elif (row := named.get(name)) is not None:
                yield Finding(f"segments/{name}", self._damage(copy.content, name))
                wanted.pop(row.file_hash, None)
        for index, leaf in wanted.values():
            segment_id = str(leaf.segment_id)
            if index not in self._purged:
                place = f"segments/{rows[segment_id].file}" if segment_id in rows else "segments"
                yield Finding(place, f"the file of segment {segment_id}, leaf {index}, is missing")
        yield from self._catalogue(found, rows)

    def _copy(self, name: str, is_right: Callable[[bytes], bool]) -> _Copy:
        """The newest copy of a file whose hash is right, or else the newest."""
        newest = _Copy(b"", b"", covered=False)
        for number, content in enumerate(self._storage.copies(name)):
            self.bytes_read += len(content)
            copy = _Copy(content, sha256(content).digest(), covered=number > 0)
            if is_right(copy.hash):
                return copy
            if number == 0:
                newest = copy
        return newest

    def _uncovered(self, name: str, content: bytes, leaf: SegmentLeaf) -> Finding:
        """What covers a file in a bucket can be covered by the file itself; its own lock is on the copy below."""
        return Finding(
            f"segments/{name}",
            "something else was put over the file that the log committed to",
            mend=lambda: self._storage.put(name, content, keep_until=from_micros(leaf.last_receive_time)),
        )

    def _dictionaries(self, names: Iterable[str]) -> Iterator[Finding]:
        for name in names:
            told = name.removeprefix(DICTIONARIES)
            codec = ChunkCodec(self._copy(name, lambda found, told=told: found.hex() == told).content)  # type: ignore[misc]
            if codec.dictionary_hash.hex() != told:
                yield Finding(f"segments/{name}", "not the dictionary that its name says")
            self._codecs[codec.dictionary_hash] = codec

    def _codec(self, dictionary: bytes) -> ChunkCodec:
        if (codec := self._codecs.get(dictionary)) is None:
            raise DamagedError(f"dictionary {dictionary.hex()} is missing or damaged")
        return codec

    def _open(self, content: bytes, name: str) -> Segment:
        return Segment(content, name, self._keys.scope_key, self._codec)

    def _records(self, segment: Segment, leaf: SegmentLeaf, place: str) -> Iterator[Finding]:
        """Opens what keys are there for: every record has to lead to the root that the leaf commits to."""
        if segment.inner_root != leaf.inner_root:
            yield Finding(place, "its root is not the one that the log committed to")
        if segment.dictionary not in self._codecs:
            yield Finding(place, f"dictionary {segment.dictionary.hex()}, which it needs, is missing or damaged")
            return
        try:
            segment.tree  # noqa: B018 - making it checks it
            segment.records()
        except DamagedError as error:
            yield Finding(place, str(error))
        except Refusal:
            return

    def _damage(self, content: bytes, name: str) -> str:
        """What is wrong with a file whose hash is not the one that the log committed to."""
        what = "not the file that the log committed to"
        try:
            segment = self._open(content, name)
            segment.tree  # noqa: B018 - making it checks it
            segment.records()
        except DamagedError as error:
            return f"{what}: {error}"
        except Exception:  # noqa: BLE001 - what is damaged may break its reading anywhere
            return what
        return what

    def _catalogue(self, found: list[_Found], rows: Mapping[str, SegmentRow]) -> Iterator[Finding]:
        for each in found:
            expected = _row(each)
            row = rows.get(expected.segment_id)
            expected.purge_id = row.purge_id if row else None
            if row is None or _fields(row) != _fields(expected):
                yield Finding(
                    "database: segment",
                    f"not what leaf {each.leaf_index} says of segment {expected.segment_id}",
                    each.leaf_index,
                    lambda expected=expected: self._session.merge(expected),  # type: ignore[misc]
                )
        yield from self._producers(found)

    def _producers(self, found: list[_Found]) -> Iterator[Finding]:
        known = {
            (row.producer, row.first_sequence): _fields(row) for row in self._session.exec(select(SegmentProducer))
        }
        heads = {row.producer: row.next_sequence for row in self._session.exec(select(ProducerHead))}
        following: dict[str, int] = {}
        for each in found:
            for row in each.producers:
                following[row.producer] = max(following.get(row.producer, 0), row.next_sequence)
                if known.get((row.producer, row.first_sequence)) != _fields(row):
                    yield Finding(
                        "database: segment_producer",
                        f"not what segment {row.segment_id} says",
                        each.leaf_index,
                        lambda row=row: self._session.merge(row),  # type: ignore[misc]
                    )
        for producer, sequence in following.items():
            if heads.get(producer, 0) < sequence:
                head = ProducerHead(producer=producer, next_sequence=sequence)
                yield Finding(
                    "database: producer_head",
                    "behind what the segments hold",
                    mend=lambda head=head: self._session.merge(head),  # type: ignore[misc]
                )


def _row(found: _Found) -> SegmentRow:
    leaf = found.leaf
    return SegmentRow(
        segment_id=str(leaf.segment_id),
        record_class=RecordClass(leaf.record_class).name,
        first_index=leaf.first_index,
        next_index=leaf.first_index + leaf.records,
        records=leaf.records,
        first_receive_time=from_micros(leaf.first_receive_time),
        last_receive_time=from_micros(leaf.last_receive_time),
        file=found.name,
        file_hash=leaf.file_hash,
        leaf_index=found.leaf_index,
    )


def _spans(segment: Segment) -> list[SegmentProducer]:
    """Which sequences of each chat producer a segment holds."""
    if segment.record_class is not RecordClass.CHAT:
        return []
    spans: dict[str, tuple[int, int]] = {}
    for run in segment.runs:
        first, _ = spans.get(run.producer, (run.first_sequence, 0))
        spans[run.producer] = (first, run.first_sequence + run.length)
    segment_id = str(segment.segment_id)
    return [
        SegmentProducer(producer=producer, first_sequence=first, next_sequence=following, segment_id=segment_id)
        for producer, (first, following) in spans.items()
    ]


def _fields(row: Any) -> dict[str, object]:  # noqa: ANN401 - a row of any of the tables
    return {name: getattr(row, name) for name in type(row).model_fields}
