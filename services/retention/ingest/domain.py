"""What a frame may hold, and what a batch means for what its producer sent before."""

import re
from collections.abc import Sequence
from functools import lru_cache

from chassis.refusal import ErrorReason, Refusal
from services.retention.log.leaves import NO_GROUP
from services.retention.segments.records import RecordBatch

MOST_RECORDS = 65_536
MOST_FRAME_BYTES = 1 << 20
MOST_RECORD_BYTES = 65_535
MOST_SECONDS_AHEAD = 300
_MICROS = 1_000_000
_MOST_SEQUENCE = (1 << 63) - 1 - MOST_RECORDS
_EARLIEST = -62_135_596_800 * _MICROS  # the year 1, where datetimes begin
_PRODUCER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_GROUP = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@lru_cache(maxsize=65_536)
def group_bytes(text: str) -> bytes | None:
    """The 16 bytes of a group id; None if it is no UUID, or the nil one, which stands for no group."""
    found = bytes.fromhex(text.replace("-", "")) if _GROUP.fullmatch(text) else NO_GROUP
    return None if found == NO_GROUP else found


def is_producer(name: str) -> bool:
    """Whether a producer can have this name."""
    return _PRODUCER.fullmatch(name) is not None


def batch_of(
    *,
    producer: str,
    first_sequence: int,
    group_ids: Sequence[str],
    group_indexes: Sequence[int],
    event_times: Sequence[int],
    bodies: Sequence[bytes],
    now: int,
) -> RecordBatch:
    """Checks the columns of a frame.

    Args:
        producer: The producer's name.
        first_sequence: Sequence of the first record.
        group_ids: The groups that occur, as UUIDs.
        group_indexes: For each record, the position of its group.
        event_times: For each record, microseconds since 1970.
        bodies: For each record, the record itself.
        now: The server's clock, microseconds since 1970.

    Raises:
        Refusal: FRAME_MALFORMED, FRAME_TOO_LARGE, RECORD_TOO_LARGE, RECORD_GROUP_UNKNOWN or EVENT_TIME_IN_FUTURE.
    """
    if not is_producer(producer):
        raise _malformed("producer", "1 to 64 characters of a-z, 0-9, '.', '_', '-', the first a letter or a digit")
    if not 1 <= first_sequence <= _MOST_SEQUENCE:
        raise _malformed("first_sequence", "a sequence from 1")
    if not len(bodies) == len(group_indexes) == len(event_times):
        raise _malformed("bodies", "columns with one entry a record")
    if not 1 <= len(bodies) <= MOST_RECORDS:
        raise _malformed("bodies", f"1 to {MOST_RECORDS} records")
    if max(group_indexes) >= len(group_ids):
        raise _group_unknown(_where(group_indexes, len(group_ids)))
    groups = [group_bytes(text) for text in group_ids]
    known = [group for group in groups if group is not None]
    if len(known) != len(groups):
        nobody = groups.index(None)
        raise _group_unknown(next((at for at, index in enumerate(group_indexes) if index == nobody), 0))
    if len(set(known)) != len(group_ids):
        raise _malformed("group_ids", "groups, each once")
    _check_sizes(bodies)
    if min(event_times) < _EARLIEST:
        raise _malformed("event_times_micros", "instants from the year 1 on")
    latest = now + MOST_SECONDS_AHEAD * _MICROS
    if max(event_times) > latest:
        raise Refusal(
            ErrorReason.ERROR_REASON_EVENT_TIME_IN_FUTURE,
            "a record says that it happened ahead of the server's clock",
            satisfy=f"event times at most {MOST_SECONDS_AHEAD} seconds ahead",
            record=_where(event_times, latest + 1),
            most_seconds_ahead=MOST_SECONDS_AHEAD,
        )
    return RecordBatch(producer, first_sequence, known, group_indexes, event_times, bodies)


def unreadable() -> Refusal:
    """What came on the stream is no frame at all."""
    return Refusal(
        ErrorReason.ERROR_REASON_FRAME_MALFORMED,
        "what was sent is not a message of this RPC",
        satisfy="bytes that the contract's stubs write",
    )


def sequence_gap(producer: str, *, expected: int, first_sequence: int) -> Refusal:
    """The producer left records out."""
    return Refusal(
        ErrorReason.ERROR_REASON_SEQUENCE_GAP,
        "records before this frame's first are missing",
        satisfy=f"the records from sequence {expected} on",
        producer=producer,
        expected=expected,
        first_sequence=first_sequence,
    )


def check_same(sent: RecordBatch, stored: RecordBatch) -> None:
    """Returns if what two batches of a producer have in common is the same records.

    Raises:
        Refusal: SEQUENCE_REUSED, with the first sequence that differs.
    """
    start = max(sent.first_sequence, stored.first_sequence)
    count = min(sent.next_sequence, stored.next_sequence) - start
    pairs = zip(sent.rows(start, count), stored.rows(start, count), strict=True)
    for sequence, (new, old) in enumerate(pairs, start):
        if new != old:
            raise Refusal(
                ErrorReason.ERROR_REASON_SEQUENCE_REUSED,
                "the sequence belongs to a record with other content",
                satisfy="the same record again, or a sequence that was not used",
                producer=sent.producer,
                sequence=sequence,
            )


def storage_failed(errno: int) -> Refusal:
    """The disk failed; what it holds is only known once it is read back."""
    return Refusal(
        ErrorReason.ERROR_REASON_STORAGE_FAILED,
        "the disk failed a write",
        satisfy="the same records, after the service was started anew",
        errno=errno,
    )


def _check_sizes(bodies: Sequence[bytes]) -> None:
    lengths = [len(body) for body in bodies]
    if max(lengths) > MOST_RECORD_BYTES:
        raise Refusal(
            ErrorReason.ERROR_REASON_RECORD_TOO_LARGE,
            "a record is larger than a record may be",
            satisfy=f"records of at most {MOST_RECORD_BYTES} bytes",
            record=_where(lengths, MOST_RECORD_BYTES + 1),
            bytes=max(lengths),
            most_bytes=MOST_RECORD_BYTES,
        )
    if sum(lengths) > MOST_FRAME_BYTES:
        raise Refusal(
            ErrorReason.ERROR_REASON_FRAME_TOO_LARGE,
            "the frame holds more than a frame may",
            satisfy=f"frames of at most {MOST_FRAME_BYTES} bytes of bodies",
            bytes=sum(lengths),
            most_bytes=MOST_FRAME_BYTES,
        )


def _where(values: Sequence[int], bound: int) -> int:
    """Position of the first value that reaches a bound."""
    return next(at for at, value in enumerate(values) if value >= bound)


def _group_unknown(record: int) -> Refusal:
    return Refusal(
        ErrorReason.ERROR_REASON_RECORD_GROUP_UNKNOWN,
        "a record belongs to no group of the frame, or the frame lists a group that can not exist",
        satisfy="UUIDs in group_ids, and positions among them in group_indexes",
        record=record,
    )


def _malformed(column: str, satisfy: str) -> Refusal:
    message = f"the frame's column {column} is not as it must be"
    return Refusal(ErrorReason.ERROR_REASON_FRAME_MALFORMED, message, satisfy=satisfy, column=column)
