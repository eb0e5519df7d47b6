"""Segments without a key store: sealed and opened under fixed keys."""

from hashlib import sha256

from services.retention.keys.domain import Scope
from services.retention.segments.building import Sealing
from services.retention.segments.chunk import ChunkCodec
from services.retention.segments.segment import Segment

KEY_ID = bytes(range(16))


def scope_key(scope: Scope) -> bytearray:
    return bytearray(sha256(scope.info).digest())


SEALING = Sealing(KEY_ID, scope_key, ChunkCodec())


def opened(content: bytes, codec: ChunkCodec | None = None) -> Segment:
    return Segment(content, "test", lambda _day, scope: scope_key(scope), lambda _dictionary: codec or ChunkCodec())
