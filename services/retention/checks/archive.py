"""The segment files: each segment leaf has the one that it commits to, and the catalogue says what both do."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from hashlib import sha256
from typing import NamedTuple

from chassis.refusal import Refusal
from ombud.verify import SegmentLeaf
from services.retention.checks.catalogue import Catalogue
from services.retention.checks.findings import Finding
from services.retention.errors import DamagedError
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.log.leaves import RecordClass
from services.retention.segments.archive import DICTIONARIES, file_name
from services.retention.segments.chunk import ChunkCodec
from services.retention.segments.layout import first_damage
from services.retention.segments.records import from_micros
from services.retention.segments.segment import Segment
from services.retention.segments.storage import SegmentStorage

_ANY_SLOTS = 2


class _Copy(NamedTuple):
    """One of the copies of a file, with its SHA-256; covered if another one was put over it."""

    content: bytes
    hash: bytes
    covered: bool


class Segments:
    """Checks the segments of a log.

    Args:
        storage: The segment files.
        key_store: Opens the records of days that are not closed; those of others are checked by their hash alone.
        catalogue: Compared with what they say.
        leaves: The segment leaves by their index.
        purged: The leaves whose segments a purge took: their files may be gone.
    """

    def __init__(
        self,
        storage: SegmentStorage,
        key_store: KeyStore,
        catalogue: Catalogue,
        leaves: Mapping[int, SegmentLeaf],
        purged: frozenset[int],
    ) -> None:
        self._storage = storage
        self._key_store = key_store
        self._keys = Keys(key_store, _ANY_SLOTS)
        self._catalogue = catalogue
        self._leaves = leaves
        self._purged = purged
        self._codecs = {bytes(32): ChunkCodec()}
        self._wrong_keys: set[tuple[RecordClass, date]] = set()
        self.bytes_read = 0

    def check(self) -> Iterator[Finding]:
        """What is not as the leaves say."""
        wanted = {leaf.file_hash: index for index, leaf in self._leaves.items()}
        named = {_name(leaf): index for index, leaf in self._leaves.items()}
        files, dictionaries = _parted(self._storage.names())
        yield from self._dictionaries(dictionaries)
        for name in files:
            copy = self._copy(name, wanted.__contains__)
            if (index := wanted.pop(copy.hash, None)) is not None:
                yield from self._file(index, name, copy)
            elif (index := named.get(name)) is not None and wanted.pop(self._leaves[index].file_hash, None) is not None:
                what = "not the file that the log committed to"
                yield Finding(f"segments/{name}", what, first_damage(copy.content))
                yield from self._catalogue.leaf(index, self._leaves[index], name)
        for index in wanted.values():
            yield from self._missing(index)
        yield from self._catalogue.heads()
        yield from self._secrets()

    def _file(self, index: int, name: str, copy: _Copy) -> Iterator[Finding]:
        """Checks a file whose hash is the one that a leaf commits to."""
        leaf = self._leaves[index]
        if copy.covered:
            yield self._uncovered(name, copy.content, leaf)
        segment = Segment(copy.content, name, self._keys.scope_key, self._codec)
        yield from self._catalogue.leaf(index, leaf, name)
        yield from self._catalogue.producers(index, segment)
        # What a purge has begun to destroy is opened by nobody.
        if index not in self._purged and self._has_its_key(leaf):
            yield from self._records(segment, leaf, f"segments/{name}")

    def _missing(self, index: int) -> Iterator[Finding]:
        leaf = self._leaves[index]
        if index not in self._purged:
            what = f"the file of segment {leaf.segment_id}, leaf {index}, is missing"
            yield Finding(f"segments/{_name(leaf)}", what)
        yield from self._catalogue.leaf(index, leaf, _name(leaf))

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

    def _has_its_key(self, leaf: SegmentLeaf) -> bool:
        """Whether the secret of a leaf's day, if there is one, is the one that the leaf names."""
        record_class, day = RecordClass(leaf.record_class), from_micros(leaf.first_receive_time).date()
        try:
            right = self._keys.key_id(record_class, day) in (None, leaf.key_id)
        except DamagedError:
            right = False
        if not right:
            self._wrong_keys.add((record_class, day))
        return right

    def _secrets(self) -> Iterator[Finding]:
        for record_class, day in sorted(self._wrong_keys):
            place = f"keys/days/{self._key_store.file_of(record_class, day)}"
            yield Finding(place, "not the secret that the day's segments were sealed under")

    def _records(self, segment: Segment, leaf: SegmentLeaf, place: str) -> Iterator[Finding]:
        """Opens what keys are there for: every record has to lead to the root that the leaf commits to."""
        if segment.inner_root != leaf.inner_root:
            yield Finding(place, "its root is not the one that the log committed to")
        if segment.dictionary not in self._codecs:
            yield Finding(place, f"dictionary {segment.dictionary.hex()}, which it needs, is missing or damaged")
            return
        try:
            segment.tree  # noqa: B018 - making it checks it
            segment.check()
        except DamagedError as error:
            yield Finding(place, str(error))
            return
        except Refusal:
            return
        if segment.record_class is RecordClass.AUDIT:
            yield from self._catalogue.trail(segment)


def _name(leaf: SegmentLeaf) -> str:
    """The name that the file of a leaf was given."""
    return file_name(RecordClass(leaf.record_class), leaf.first_index, leaf.first_receive_time)


def _parted(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Segment files, and dictionaries."""
    files: list[str] = []
    dictionaries: list[str] = []
    for name in names:
        (dictionaries if name.startswith(DICTIONARIES) else files).append(name)
    return files, dictionaries
