"""The layout of a segment file: records of one class and one UTC day, in a chunk for each group.

All numbers are big-endian. Layout:

    "OMBUDSEG" | u16 version = 1 | u8 class | u8 codec = 1 | 16 segment id | 16 key id | u64 first index | u32 records
    | i64 first receive time | i64 last receive time | 32 inner root | 32 dictionary | u32 runs | u32 chunks
    run      i64 receive time | u64 first sequence | u32 first ordinal | u32 records | u8 length of producer | producer
    chunk    16 group id | u32 length | u32 records | 32 root
    then the chunks, in the order of their table (`chunk.py` has their form)

A record's ordinal is its place in the segment, its index less the segment's first. A run is a batch as it was
received. The key id names the secret of the day, the dictionary is given by its SHA-256 (zeros: none).

The inner root is that of an RFC 6962 tree with an entry for each chunk, `u32 records || 32 root`; a chunk's root is
that of the tree over its records, each `salt || record`. So whoever can open one group's chunk can prove its records,
and that they are all of the chunk, also when no other chunk can be opened any more.
"""

import struct
from typing import NamedTuple

MAGIC = b"OMBUDSEG"
VERSION = 1
HEADER = struct.Struct(">8sHBB16s16sQIqq32s32sII")
RUN = struct.Struct(">qQIIB")
CHUNK = struct.Struct(">16sII32s")


class Run(NamedTuple):
    """A batch as it was received: consecutive records of one producer."""

    receive_time: int
    first_sequence: int
    first_ordinal: int
    length: int
    producer: str
