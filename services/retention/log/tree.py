"""An RFC 6962 Merkle tree with SHA-256 that grows at its end."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Protocol, overload

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf that holds `entry`."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Hashes(Protocol):
    """A list of hashes, as far as a tree needs one."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: int, /) -> bytes: ...
    @overload
    def __getitem__(self, at: slice, /) -> list[bytes]: ...
    def __delitem__(self, at: slice, /) -> None: ...
    def extend(self, hashes: Iterable[bytes], /) -> None:
        """Adds hashes at the end."""
        ...


class Tree:
    """A tree that can tell the root and the proofs of every size it has had.

    It keeps the hash of every complete subtree, 64 bytes a leaf; a root or proof takes O(log n) look-ups. One thread
    may extend while others read sizes that they know: what covers an earlier size never changes.

    Args:
        leaves: The first leaves, given by their hashes.
        level: Makes an empty list for the hashes of a level.
    """

    def __init__(self, leaves: Iterable[bytes] = (), *, level: Callable[[], Hashes] = list) -> None:
        # _levels[k][i] is the root over the leaves i * 2^k up to (i + 1) * 2^k.
        self._levels = [level()]
        self._new_level = level
        self.extend(leaves)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Appends leaves, given by their hashes."""
        self._levels[0].extend(leaves)
        height = 0
        while len(self._levels[height]) > 1:
            if height + 1 == len(self._levels):
                self._levels.append(self._new_level())
            below, level = self._levels[height], self._levels[height + 1]
            fresh = iter(below[2 * len(level) :])
            level.extend(sha256(b"\x01" + left + right).digest() for left, right in zip(fresh, fresh, strict=False))
            height += 1

    def truncate(self, size: int) -> None:
        """Takes back every leaf from index `size` on."""
        for height, level in enumerate(self._levels):
            del level[size >> height :]

    def row(self, height: int, start: int, end: int) -> list[bytes]:
        """The roots of neighbouring complete subtrees of 2^height leaves each."""
        return self._levels[height][start:end]

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves; at most `self.size`."""
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of a leaf in the tree of the first `size` leaves, from its sibling upwards."""
        path: list[bytes] = []
        start, end = 0, size
        while end - start > 1:
            split = start + _split(end - start)
            if index < split:
                path.append(self._range(split, end))
                end = split
            else:
                path.append(self._range(start, split))
                start = split
        return path[::-1]

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """The proof that the tree of `old_size` leaves is a prefix of that of `new_size`."""
        if old_size in (0, new_size):
            return []
        proof: list[bytes] = []
        start, end, whole = 0, new_size, True
        while old_size != end:
            split = start + _split(end - start)
            if old_size <= split:
                proof.append(self._range(split, end))
                end = split
            else:
                proof.append(self._range(start, split))
                start, whole = split, False
        if not whole:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """The root over the leaves from `start` up to `end`, where `start` is a multiple of the range's split."""
        length = end - start
        if length & (length - 1) == 0:
            height = length.bit_length() - 1
            return self._levels[height][start >> height]
        split = start + _split(length)
        return node_hash(self._range(start, split), self._range(split, end))


def _split(length: int) -> int:
    """The largest power of two below `length`, which is more than 1."""
    return 1 << (length - 1).bit_length() - 1
