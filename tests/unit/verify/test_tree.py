from collections.abc import Sequence
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.verify import VerificationError, leaf_hash, verify_consistency, verify_inclusion
from services.retention.log.tree import Tree
from services.retention.log.tree import leaf_hash as writer_leaf_hash

MOST = 300
ENTRIES = tuple(str(number).encode() for number in range(MOST))
LEAVES = tuple(map(leaf_hash, ENTRIES))
TREE = Tree(LEAVES)

# Entries and roots of the reference implementation of RFC 6962 (certificate-transparency, merkle_tree_test).
REFERENCE_ENTRIES = tuple(
    map(
        bytes.fromhex,
        (
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ),
    )
)
REFERENCE_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@cache
def naive_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962 as it is written there."""
    if start == end:
        return sha256(b"").digest()
    if end - start == 1:
        return leaf_hash(ENTRIES[start])
    split = 1
    while split * 2 < end - start:
        split *= 2
    left, right = naive_root(start, start + split), naive_root(start + split, end)
    return sha256(b"\x01" + left + right).digest()


def included(index: int, size: int, path: Sequence[bytes]) -> None:
    verify_inclusion(LEAVES[index], index, size, naive_root(0, size), path)


def consistent(old: int, new: int, proof: Sequence[bytes]) -> None:
    verify_consistency(old, naive_root(0, old), new, naive_root(0, new), proof)


def test_roots_of_the_reference_implementation_come_out() -> None:
    tree = Tree(map(writer_leaf_hash, REFERENCE_ENTRIES))
    assert [tree.root(size).hex() for size in range(1, 9)] == list(REFERENCE_ROOTS)


def test_empty_tree_has_the_hash_of_nothing_as_root() -> None:
    assert Tree().root(0) == sha256(b"").digest()


def test_every_root_up_to_300_is_that_of_the_definition() -> None:
    assert [TREE.root(size) for size in range(MOST + 1)] == [naive_root(0, size) for size in range(MOST + 1)]


def test_tree_grown_in_steps_is_the_tree_made_at_once() -> None:
    tree = Tree()
    for leaf in LEAVES:
        tree.extend([leaf])
    assert [tree.root(size) for size in range(MOST + 1)] == [TREE.root(size) for size in range(MOST + 1)]


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_truncated_tree_grows_again_to_the_same_root(size: int, to: int) -> None:
    tree = Tree(LEAVES[:size])
    tree.truncate(min(to, size))
    tree.extend(LEAVES[tree.size :])
    assert tree.root(MOST) == naive_root(0, MOST)


def test_every_inclusion_up_to_300_is_proved_and_no_other_leaf_is() -> None:
    for size in (*range(1, 40), 63, 64, 65, 127, 128, 129, 255, 256, 257, 299, 300):
        for index in range(size):
            path = TREE.inclusion(index, size)
            included(index, size, path)
            for other in {(index + 1) % size, index ^ 1} - {index, size}:
                with pytest.raises(VerificationError):
                    verify_inclusion(LEAVES[index], other, size, naive_root(0, size), path)


def test_every_consistency_up_to_300_is_proved() -> None:
    for new in range(MOST + 1):
        for old in range(new + 1):
            consistent(old, new, TREE.consistency(old, new))


@given(st.data())
def test_altered_inclusion_path_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MOST))
    index = data.draw(st.integers(0, size - 1))
    path = TREE.inclusion(index, size)
    at = data.draw(st.integers(0, len(path) - 1))
    altered = data.draw(
        st.sampled_from(
            [
                [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]],
                path[:at] + path[at + 1 :],
                [*path, bytes(32)],
            ]
        )
    )
    with pytest.raises(VerificationError):
        included(index, size, altered)


@given(st.data())
def test_altered_history_is_not_consistent(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, new - 1))
    proof = TREE.consistency(old, new)
    other = Tree([*LEAVES[: old - 1], leaf_hash(b"other"), *LEAVES[old:new]])
    with pytest.raises(VerificationError):
        verify_consistency(old, naive_root(0, old), new, other.root(new), other.consistency(old, new))
    with pytest.raises(VerificationError):
        consistent(old, new, proof[:-1])
    with pytest.raises(VerificationError):
        consistent(old, new, [*proof, bytes(32)])


def test_older_tree_above_the_newer_is_refused() -> None:
    with pytest.raises(VerificationError):
        consistent(5, 4, [])


def test_leaf_outside_the_tree_is_refused() -> None:
    with pytest.raises(VerificationError):
        included(5, 5, [])
