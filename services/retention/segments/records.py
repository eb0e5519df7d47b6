"""Records in memory and as bytes: columns, so that no record is handled by itself where many come together.

All numbers are big-endian. Times are microseconds since 1970-01-01T00:00:00Z.
"""

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from services.retention.errors import DamagedError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BATCH = struct.Struct(">qQQIIB")
_GROUP_BYTES = 16


def to_micros(instant: datetime) -> int:
    """An aware datetime as microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Microseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + micros * _MICROSECOND


def midnight_after(day: date) -> datetime:
    """The first instant after a UTC day."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


class Row(NamedTuple):
    """One record as its producer sent it."""

    group: bytes
    event_time: int
    body: bytes


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of one producer, as columns.

    Attributes:
        producer: Who sent them.
        first_sequence: Sequence of the first; the others follow.
        groups: The group ids that occur, 16 bytes each.
        group_indexes: For each record, the position of its group in `groups`.
        event_times: For each record, when it happened as the producer says.
        bodies: For each record, the record itself.
    """

    producer: str
    first_sequence: int
    groups: Sequence[bytes]
    group_indexes: Sequence[int]
    event_times: Sequence[int]
    bodies: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.bodies)

    @property
    def next_sequence(self) -> int:
        """The sequence after the last record's."""
        return self.first_sequence + len(self.bodies)

    def tail(self, skip: int) -> "RecordBatch":
        """The batch without its first `skip` records."""
        if skip == 0:
            return self
        return RecordBatch(
            self.producer,
            self.first_sequence + skip,
            self.groups,
            self.group_indexes[skip:],
            self.event_times[skip:],
            self.bodies[skip:],
        )

    def rows(self, first_sequence: int, count: int) -> list[Row]:
        """The records from a sequence on."""
        start = first_sequence - self.first_sequence
        return [
            Row(self.groups[self.group_indexes[at]], self.event_times[at], self.bodies[at])
            for at in range(start, start + count)
        ]


@dataclass(frozen=True, slots=True)
class ReceivedBatch:
    """A batch as the server took it: when, and the index of its first record among all of its class, from 0."""

    batch: RecordBatch
    receive_time: int
    first_index: int

    @property
    def next_index(self) -> int:
        """The index after the last record's."""
        return self.first_index + len(self.batch)


def pack_column(code: str, values: Sequence[int]) -> bytes:
    """Numbers of one width (a typecode of `array`) one after the other."""
    column = array(code, values)
    if sys.byteorder == "little":
        column.byteswap()
    return column.tobytes()


class Cursor:
    """Reads one value after the other from bytes; ends in DamagedError where they end too early."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self.at = 0

    def take(self, length: int) -> bytes:
        """The next bytes."""
        end = self.at + length
        if end > len(self._data):
            raise DamagedError(f"{self._name}: cut short at byte {self.at}")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        """The next values of a struct."""
        return form.unpack(self.take(form.size))

    def column(self, code: str, count: int) -> Sequence[int]:
        """The next column that `pack_column` wrote."""
        column = array(code)
        column.frombytes(self.take(count * column.itemsize))
        if sys.byteorder == "little":
            column.byteswap()
        return column

    def bodies(self, lengths: Sequence[int]) -> list[bytes]:
        """The next byte strings, of the given lengths."""
        data, at = self.take(sum(lengths)), 0
        found: list[bytes] = []
        for length in lengths:
            found.append(data[at : at + length])
            at += length
        return found

    def text(self, length: int) -> str:
        """The next bytes as UTF-8."""
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise DamagedError(f"{self._name}: no text before byte {self.at}") from None


def encode_batch(received: ReceivedBatch) -> bytes:
    """A batch as bytes.

    i64 receive time | u64 first index | u64 first sequence | u32 records | u32 groups | u8 length of producer
    | producer | groups | u32 group index a record | i64 event time a record | u32 length a record | bodies
    """
    batch = received.batch
    producer = batch.producer.encode()
    head = _BATCH.pack(
        received.receive_time,
        received.first_index,
        batch.first_sequence,
        len(batch),
        len(batch.groups),
        len(producer),
    )
    columns = (
        pack_column("I", batch.group_indexes),
        pack_column("q", batch.event_times),
        pack_column("I", [len(body) for body in batch.bodies]),
    )
    return b"".join((head, producer, *batch.groups, *columns, *batch.bodies))


def decode_batch(data: bytes, name: str) -> ReceivedBatch:
    """What `encode_batch` wrote; `name` tells where it came from.

    Raises:
        DamagedError: It is not that.
    """
    cursor = Cursor(data, name)
    receive_time, first_index, first_sequence, count, groups, producer_length = cursor.unpack(_BATCH)
    producer = cursor.text(producer_length)
    group_ids = [cursor.take(_GROUP_BYTES) for _ in range(groups)]
    group_indexes = cursor.column("I", count)
    event_times = cursor.column("q", count)
    bodies = cursor.bodies(cursor.column("I", count))
    batch = RecordBatch(producer, first_sequence, group_ids, group_indexes, event_times, bodies)
    return ReceivedBatch(batch, receive_time, first_index)
