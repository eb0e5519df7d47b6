"""The segment files: written once, checked against the log whenever they are read."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from hashlib import sha256

from chassis.refusal import ErrorReason, Refusal
from services.retention.errors import DamagedError
from services.retention.keys.domain import Scope
from services.retention.keys.keys import Keys
from services.retention.log.leaves import RecordClass, SegmentLeaf, record_evidence
from services.retention.segments.chunk import NO_DICTIONARY, ChunkCodec
from services.retention.segments.records import from_micros
from services.retention.segments.segment import Record, Segment
from services.retention.segments.storage import SegmentStorage
from services.retention.segments.store import Sealed

_CACHED_RECORDS = 262_144
DICTIONARIES = "dictionaries/"


class Archive:
    """Reads and writes segment files. Every method may be called from any thread.

    Args:
        storage: Where they are: a folder a UTC day.
        floor: How long a class is kept at least.
        keys: What opens them.
    """

    def __init__(self, storage: SegmentStorage, floor: Callable[[RecordClass], timedelta], keys: Keys) -> None:
        self._storage = storage
        self._floor = floor
        self._keys = keys
        self._codecs: dict[bytes, ChunkCodec] = {NO_DICTIONARY: ChunkCodec()}
        self._dictionary: bytes | None = None
        self._cache: OrderedDict[str, Segment] = OrderedDict()
        self._lock = threading.Lock()

    def write(self, leaf: SegmentLeaf, content: bytes) -> str:
        """Stores a segment durably; returns its name, which is the same whenever the same records are sealed."""
        name = file_name(leaf.record_class, leaf.first_index, leaf.first_receive_time)
        keep_until = from_micros(leaf.last_receive_time) + self._floor(leaf.record_class)
        self._storage.put(name, content, keep_until=keep_until)
        return name

    @property
    def dictionary(self) -> bytes | None:
        """What new segments are compressed with; None as long as none was trained."""
        if self._dictionary is None:
            name = next((name for name in self._storage.names() if name.startswith(DICTIONARIES)), None)
            if name is not None:
                self._dictionary = self._codec(bytes.fromhex(name.removeprefix(DICTIONARIES))).dictionary
        return self._dictionary

    def keep_dictionary(self, dictionary: bytes, leaf: SegmentLeaf) -> None:
        """Stores a dictionary before the first segment that needs it."""
        codec = ChunkCodec(dictionary)
        if codec.dictionary_hash not in self._codecs:
            keep_until = from_micros(leaf.last_receive_time) + self._floor(leaf.record_class)
            self._storage.put(DICTIONARIES + codec.dictionary_hash.hex(), dictionary, keep_until=keep_until)
            self._codecs[codec.dictionary_hash] = codec
            self._dictionary = dictionary

    def load(self, sealed: Sealed, *, access_id: str | None = None) -> Segment:
        """A segment that the log holds. Reading its records raises what `Keys.scope_key` raises, and SEGMENT_DAMAGED.

        Args:
            sealed: Which one.
            access_id: The access, or the hold, that custodians answered for; the day being closed.

        Raises:
            Refusal: SEGMENT_DAMAGED, if the file is not the one that the log committed to; RECORDS_PURGED.
        """
        if sealed.purge_id is not None:
            raise purged(sealed)
        if access_id is not None:
            return self._read(sealed, access_id)
        with self._lock:
            if (segment := self._cache.get(sealed.segment_id)) is not None:
                self._cache.move_to_end(sealed.segment_id)
                return segment
        segment = self._read(sealed, None)
        with self._lock:
            self._cache[sealed.segment_id] = segment
            while len(self._cache) > 1 and sum(each.count for each in self._cache.values()) > _CACHED_RECORDS:
                self._cache.popitem(last=False)
        return segment

    def check_open(self, groups: Sequence[bytes], first: date, last: date, access_id: str) -> None:
        """Returns if what is in custody of some groups' chat, from a day to a day, was opened for an access.

        Raises:
            Refusal: CUSTODIANS_REQUIRED.
        """
        self._keys.check_granted([Scope(RecordClass.CHAT, group) for group in groups], first, last, access_id)

    def forget(self, day: date) -> None:
        """Drops what is in memory of a day's records."""
        with self._lock:
            for segment_id, segment in tuple(self._cache.items()):
                if segment.day == day:
                    del self._cache[segment_id]

    def _read(self, sealed: Sealed, access_id: str | None) -> Segment:
        # Whoever can write to the storage can put something else over a file: what was there before it counts as well.
        for content in self._storage.copies(sealed.file):
            if sha256(content).digest() == sealed.file_hash:
                break
        else:
            raise damaged(sealed.segment_id)
        keys = partial(self._keys.scope_key, access_id=access_id)
        return Segment(content, sealed.file, keys, self._codec)

    def _codec(self, dictionary: bytes) -> ChunkCodec:
        """The codec for a dictionary, given by its hash."""
        if (codec := self._codecs.get(dictionary)) is None:
            name = DICTIONARIES + dictionary.hex()
            for content in self._storage.copies(name):
                codec = ChunkCodec(content)
                if codec.dictionary_hash == dictionary:
                    break
            else:
                raise DamagedError(f"{name}: not the dictionary that segments need")
            self._codecs[dictionary] = codec
        return codec


def file_name(record_class: RecordClass, first_index: int, first_receive_time: int) -> str:
    """The name of a segment's file, by its first record's index and receive time (microseconds since 1970)."""
    day = from_micros(first_receive_time).date().isoformat()
    return f"{day}/{record_class.name.lower()}-{first_index:020d}.seg"


def damaged(segment_id: str) -> Refusal:
    """What is on disk is not what the log committed to."""
    return Refusal(
        ErrorReason.ERROR_REASON_SEGMENT_DAMAGED,
        "what is on disk is not what the log committed to",
        satisfy="the segment's file from a copy that the log's leaf matches",
        segment_id=segment_id,
    )


def purged(sealed: Sealed) -> Refusal:
    """The segment's records have reached their ceiling."""
    return Refusal(
        ErrorReason.ERROR_REASON_RECORDS_PURGED,
        "the records were destroyed at their ceiling; proofs given out before stay valid",
        satisfy="records within their retention period",
        segment_id=sealed.segment_id,
        purge_id=sealed.purge_id or "",
    )


def evidence_of(segment: Segment, leaf: bytes, record: Record, *, with_body: bool) -> bytes:
    """What the proof of a record carries.

    Raises:
        Refusal: SEGMENT_DAMAGED, if the segment does not lead to its own root.
    """
    try:
        place = segment.place(record)
    except DamagedError as error:
        raise damaged(str(segment.segment_id)) from error
    return record_evidence(
        leaf,
        salt=record.salt,
        place=place,
        head=segment.head(record),
        body=record.body if with_body else None,
    )
