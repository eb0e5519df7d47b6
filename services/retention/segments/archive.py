"""The segment files: written once, checked against the log whenever they are read."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from chassis.refusal import ErrorReason, Refusal
from services.retention.errors import DamagedError
from services.retention.log.leaves import RecordClass, SegmentLeaf, record_evidence
from services.retention.segments.records import from_micros
from services.retention.segments.segment import Record, Segment
from services.retention.segments.storage import SegmentStorage
from services.retention.segments.store import Sealed

_CACHED_RECORDS = 262_144


class Archive:
    """Reads and writes segment files. Every method may be called from any thread.

    Args:
        storage: Where they are: a folder a UTC day.
        floors: How long each class is kept at least.
    """

    def __init__(self, storage: SegmentStorage, floors: Mapping[RecordClass, timedelta]) -> None:
        self._storage = storage
        self._floors = floors
        self._cache: OrderedDict[str, Segment] = OrderedDict()
        self._lock = threading.Lock()

    def write(self, leaf: SegmentLeaf, content: bytes) -> str:
        """Stores a segment durably; returns its name, which is the same whenever the same records are sealed."""
        day = from_micros(leaf.first_receive_time).date().isoformat()
        name = f"{day}/{leaf.record_class.name.lower()}-{leaf.first_index:020d}.seg"
        keep_until = from_micros(leaf.last_receive_time) + self._floors[leaf.record_class]
        self._storage.put(name, content, keep_until=keep_until)
        return name

    def load(self, sealed: Sealed) -> Segment:
        """A segment that the log holds.

        Raises:
            Refusal: SEGMENT_DAMAGED, if the file is not the one that the log committed to.
        """
        with self._lock:
            if (segment := self._cache.get(sealed.segment_id)) is not None:
                self._cache.move_to_end(sealed.segment_id)
                return segment
        segment = self._read(sealed)
        with self._lock:
            self._cache[sealed.segment_id] = segment
            while len(self._cache) > 1 and sum(each.count for each in self._cache.values()) > _CACHED_RECORDS:
                self._cache.popitem(last=False)
        return segment

    def _read(self, sealed: Sealed) -> Segment:
        # Whoever can write to the storage can put something else over a file: what was there before it counts as well.
        for content in self._storage.copies(sealed.file):
            if sha256(content).digest() == sealed.file_hash:
                return Segment(content, sealed.file)
        raise damaged(sealed.segment_id)


def damaged(segment_id: str) -> Refusal:
    """What is on disk is not what the log committed to."""
    return Refusal(
        ErrorReason.ERROR_REASON_SEGMENT_DAMAGED,
        "what is on disk is not what the log committed to",
        satisfy="the segment's file from a copy that the log's leaf matches",
        segment_id=segment_id,
    )


def evidence_of(segment: Segment, leaf: bytes, record: Record, *, with_body: bool) -> bytes:
    """What the proof of a record carries.

    Raises:
        Refusal: SEGMENT_DAMAGED, if the segment does not lead to its own root.
    """
    try:
        path = segment.tree.inclusion(record.ordinal, segment.count)
    except DamagedError as error:
        raise damaged(str(segment.segment_id)) from error
    return record_evidence(
        leaf,
        salt=record.salt,
        ordinal=record.ordinal,
        path=path,
        head=segment.head(record),
        body=record.body if with_body else None,
    )
