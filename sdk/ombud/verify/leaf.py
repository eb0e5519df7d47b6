"""What the leaves of our log say in the clear; their layouts stand in `ombud.verify.evidence`."""

import struct
from dataclasses import dataclass
from uuid import UUID

from ombud.verify.errors import VerificationError

_SEGMENT = struct.Struct(">BBBB16s16sQIqq32s32s")
_EVENT = struct.Struct(">BBH16sq32s")
_SEGMENT_FORM = b"\x01\x01"
_EVENT_FORM = b"\x02\x01"


@dataclass(frozen=True, slots=True)
class SegmentLeaf:
    """A leaf that commits to a sealed segment. Times are microseconds since 1970."""

    record_class: int
    codec: int
    segment_id: UUID
    key_id: bytes
    first_index: int
    records: int
    first_receive_time: int
    last_receive_time: int
    inner_root: bytes
    file_hash: bytes


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """A leaf that commits to a control event. The time is microseconds since 1970."""

    kind: int
    event_id: UUID
    time: int
    commitment: bytes


def parse_leaf(entry: bytes) -> SegmentLeaf | EventLeaf:
    """Reads a leaf's entry.

    Raises:
        VerificationError: It is of no known kind and version.
    """
    if entry[:2] == _SEGMENT_FORM and len(entry) == _SEGMENT.size:
        _, _, record_class, codec, segment_id, *rest = _SEGMENT.unpack(entry)
        return SegmentLeaf(record_class, codec, UUID(bytes=segment_id), *rest)
    if entry[:2] == _EVENT_FORM and len(entry) == _EVENT.size:
        _, _, kind, event_id, time, commitment = _EVENT.unpack(entry)
        return EventLeaf(kind, UUID(bytes=event_id), time, commitment)
    raise VerificationError("a leaf of no known kind and version")
