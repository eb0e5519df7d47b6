"""What may be listed, in memory: millions of keyed digests in 8 bytes each, and a look-up that touches few of them.

Who passes the sieve may be listed, and the database says whether it is so; who does not pass is not listed. So an entry
that has ended or was revoked may stay in it: it costs a question to the database, and no wrong answer.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence

_BITS = 64
_HEX_DIGITS = _BITS // 4
# 64 keys a bucket on average: noting where buckets begin takes an eighth of a byte a key.
_BUCKET_BITS = 6
_FRESH_LEAST = 4096


def key_of(digest: str) -> int:
    """The first 64 bits of a digest (hexadecimal): two that differ share them once in 10^12 look-ups among 10^7."""
    return int(digest[:_HEX_DIGITS], 16)


class Sieve:
    """A set of 64-bit keys that are spread evenly, as those of keyed digests are.

    Args:
        keys: Ascending.
    """

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self._fresh: set[int] = set()
        self._settle(array("Q", keys))

    def __len__(self) -> int:
        return len(self._keys) + len(self._fresh)

    def __contains__(self, key: int) -> bool:
        bucket = key >> self._shift
        high = self._starts[bucket + 1]
        position = bisect_left(self._keys, key, self._starts[bucket], high)
        return (position < high and self._keys[position] == key) or key in self._fresh

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return self._keys.itemsize * len(self._keys) + self._starts.itemsize * len(self._starts)

    def add(self, key: int) -> None:
        """Adds a key. New keys wait in a set until there are enough of them to be sorted in."""
        if key in self:
            return
        self._fresh.add(key)
        if len(self._fresh) >= max(_FRESH_LEAST, len(self._keys) // 64):
            self._settle(_merged(self._keys, sorted(self._fresh)))
            self._fresh.clear()

    def _settle(self, keys: "array[int]") -> None:
        """Takes the keys, and notes where those begin that share their first bits."""
        bits = max(len(keys).bit_length() - _BUCKET_BITS, 1)
        self._keys, self._shift = keys, _BITS - bits
        starts, position = array("I", [0]), 0
        for bucket in range(1, 1 << bits):
            position = bisect_left(keys, bucket << self._shift, position)
            starts.append(position)
        starts.append(len(keys))
        self._starts = starts


def _merged(keys: "array[int]", fresh: Sequence[int]) -> "array[int]":
    merged, begin = array("Q"), 0
    for key in fresh:
        end = bisect_left(keys, key, begin)
        merged.extend(keys[begin:end])
        merged.append(key)
        begin = end
    merged.extend(keys[begin:])
    return merged
