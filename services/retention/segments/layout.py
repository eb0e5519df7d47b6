"""The layout of a segment file: records of one class and one UTC day, in a chunk for each group.

All numbers are big-endian. Layout:

    "OMBUDSEG" | u16 version = 2 | u8 class | u8 codec = 1 | 16 segment id | 16 key id | u64 first index | u32 records
    | i64 first receive time | i64 last receive time | 32 inner root | 32 dictionary | u32 runs | u32 chunks
    run      i64 receive time | u64 first sequence | u32 first ordinal | u32 records | u8 length of producer | producer
    chunk    16 group id | u32 length | u32 records | 32 root | u32 CRC-32 of the chunk
    u32 CRC-32 of all that is before
    then the chunks, in the order of their table (`chunk.py` has their form)

A record's ordinal is its place in the segment, its index less the segment's first. A run is a batch as it was
received. The key id names the secret of the day, the dictionary is given by its SHA-256 (zeros: none).

The inner root is that of an RFC 6962 tree with an entry for each chunk, `u32 records || 32 root`; a chunk's root is
that of the tree over its records, each `salt || record`. So whoever can open one group's chunk can prove its records,
and that they are all of the chunk, also when no other chunk can be opened any more.

The log commits to the SHA-256 of the file, which tells that it is damaged; the checksums tell where, without a key.
"""

import struct
import zlib
from typing import NamedTuple

MAGIC = b"OMBUDSEG"
VERSION = 2
HEADER = struct.Struct(">8sHBB16s16sQIqq32s32sII")
RUN = struct.Struct(">qQIIB")
CHUNK = struct.Struct(">16sII32sI")
CHECKSUM = struct.Struct(">I")


class Run(NamedTuple):
    """A batch as it was received: consecutive records of one producer."""

    receive_time: int
    first_sequence: int
    first_ordinal: int
    length: int
    producer: str


def first_damage(content: bytes) -> int | None:
    """Where the first part of a file begins whose checksum is wrong; None if none is.

    A part is a chunk, or all that is before the chunks, which begins at 0.
    """
    try:
        *_, runs, chunks = HEADER.unpack_from(content)
        at: int = HEADER.size
        for _ in range(runs):
            at += RUN.size + RUN.unpack_from(content, at)[-1]
        rows = list(CHUNK.iter_unpack(content[at : at + chunks * CHUNK.size]))
        at += chunks * CHUNK.size
        (checksum,) = CHECKSUM.unpack_from(content, at)
    except struct.error:
        return 0
    if zlib.crc32(content[:at]) != checksum:
        return 0
    at += CHECKSUM.size
    for _, length, *_, checksum in rows:
        if zlib.crc32(content[at : at + length]) != checksum:
            return at
        at += length
    return None if at == len(content) else at
