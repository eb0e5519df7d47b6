"""Bytes kept a record, beside the same records in blocks of zstd level 3, which prove nothing and hide nothing."""

import struct
from pathlib import Path

import zstandard

from bench.line import Line
from bench.records import Records

NAME = "zstd level 3, blocks of 256 KiB"
BUDGET = 1.15
_LEVEL, _BLOCK = 3, 256 << 10
_HEAD = struct.Struct(">16sqH")


def size(folder: Path) -> int:
    """Bytes of all that retention keeps of records: segments, the log, the catalogue."""
    kept = [folder / "segments", folder / "log"]
    files = [file for each in kept for file in each.rglob("*")] + list(folder.glob("retention.db*"))
    return sum(file.stat().st_size for file in files if file.is_file())


def measure(kept: float, records: Records) -> Line:
    """The line.

    Args:
        kept: Bytes kept a record.
        records: The records; their groups and times are part of what is kept on both sides.
    """
    peer = _blocks(records)
    ratio = kept / peer
    return Line("bytes", kept, "B/record", NAME, ratio, BUDGET, ratio <= BUDGET, {"peer_value": peer})


def _blocks(records: Records) -> float:
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    count, total, block = 0, 0, bytearray()
    for record in records.rows():
        block += _HEAD.pack(record.group.bytes, record.event_time, len(record.body)) + record.body
        count += 1
        if len(block) >= _BLOCK:
            total += len(compressor.compress(bytes(block)))
            block.clear()
    return (total + len(compressor.compress(bytes(block)))) / count
