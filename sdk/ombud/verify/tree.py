"""RFC 6962 Merkle trees with SHA-256, as a verifier sees them (algorithms of RFC 9162, section 2.1)."""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ombud.verify.errors import VerificationError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf that holds `entry`."""
    return sha256(b"\x00" + entry).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    if not 0 <= index < size:
        raise VerificationError("the leaf lies outside the tree")
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise VerificationError("the inclusion path is too long")
        if position & 1 or position == last:
            node = _node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = _node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise VerificationError("the inclusion path is too short")
    return node


def verify_inclusion(leaf: bytes, index: int, size: int, root: bytes, path: Sequence[bytes]) -> None:
    """Checks that a leaf is in a tree.

    Args:
        leaf: Hash of the leaf, 32 bytes.
        index: Index of the leaf, from 0.
        size: Number of leaves of the tree.
        root: Root of the tree, 32 bytes.
        path: The audit path, from the leaf's sibling upwards.

    Raises:
        VerificationError: It is not proved.
    """
    if not hmac.compare_digest(_root_of_path(leaf, index, size, path), root):
        raise VerificationError("the inclusion path leads to another root")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Checks that the older tree is a prefix of the newer one: nothing was altered or removed in between.

    Args:
        old_size: Number of leaves of the older tree.
        old_root: Its root, 32 bytes.
        new_size: Number of leaves of the newer tree; at least `old_size`.
        new_root: Its root, 32 bytes.
        proof: The consistency proof; empty if the sizes are equal or the older tree is empty.

    Raises:
        VerificationError: It is not proved.
    """
    if not 0 <= old_size <= new_size:
        raise VerificationError("the older tree is larger than the newer one")
    if old_size == 0:
        if proof or old_root != EMPTY_ROOT:
            raise VerificationError("the trees are not consistent")
        return
    hashes = iter(proof)
    try:
        old_node, new_node = _rebuild(old_size, new_size, old_root, hashes)
    except StopIteration:
        raise VerificationError("the consistency proof is too short") from None
    if next(hashes, None) is not None:
        raise VerificationError("the consistency proof is too long")
    if not (hmac.compare_digest(old_node, old_root) and hmac.compare_digest(new_node, new_root)):
        raise VerificationError("the trees are not consistent")


def _rebuild(old_size: int, new_size: int, old_root: bytes | None, proof: Iterator[bytes]) -> tuple[bytes, bytes]:
    """The old and the new hash of a subtree (SUBPROOF of RFC 6962); `old_root` if it begins with the whole old tree."""
    if old_size == new_size:
        node = next(proof) if old_root is None else old_root
        return node, node
    split = 1 << (new_size - 1).bit_length() - 1
    if old_size <= split:
        old_node, left = _rebuild(old_size, split, old_root, proof)
        return old_node, _node_hash(left, next(proof))
    old_right, new_right = _rebuild(old_size - split, new_size - split, None, proof)
    left = next(proof)
    return _node_hash(left, old_right), _node_hash(left, new_right)


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that has to be kept of a tree to let it grow: the roots of its complete subtrees, the largest first.

    Whoever extends the frontier of an older tree by the leaves that followed, and comes to the root of the newer one,
    has shown that the older tree is a prefix of it.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extend(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier after some more leaves, given by their hashes."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            node, rest = leaf, size
            while rest & 1:
                node, rest = _node_hash(hashes.pop(), node), rest >> 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))

    @property
    def root(self) -> bytes:
        """The tree's root, 32 bytes."""
        if not self.hashes:
            return EMPTY_ROOT
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = _node_hash(left, node)
        return node
