import os
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.retention.log.hashes import HashFile
from services.retention.log.tree import Tree, leaf_hash

# A folder serves every example: what is made in it has no name.
of_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@of_one_folder
@given(steps=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60))), ends=st.tuples(*[st.integers(0, 80)] * 2))
def test_hashes_in_a_file_are_a_list(tmp_path: Path, steps: list[tuple[int, int]], ends: tuple[int, int]) -> None:
    kept, model = HashFile(tmp_path), list[bytes]()
    for number, (added, left) in enumerate(steps):
        fresh = [sha256(b"%d %d" % (number, at)).digest() for at in range(added)]
        kept.extend(iter(fresh))
        model.extend(fresh)
        del kept[left:]
        del model[left:]
    assert len(kept) == len(model)
    assert kept[ends[0] : ends[1]] == model[ends[0] : ends[1]]
    assert [kept[at] for at in range(len(kept))] == kept[:] == model


@of_one_folder
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=4), cut=st.integers(1, 300))
def test_tree_of_hashes_in_files_is_the_tree_in_memory(tmp_path: Path, sizes: list[int], cut: int) -> None:
    kept, model = Tree(level=partial(HashFile, tmp_path)), Tree()
    for tree in (kept, model):
        for size in sizes:
            tree.extend(leaf_hash(b"%d" % at) for at in range(size))
        tree.truncate(min(cut, tree.size))
        tree.extend([leaf_hash(b"last")])
    size = model.size
    assert (kept.size, kept.root(size)) == (size, model.root(size))
    assert kept.inclusion(size // 3, size) == model.inclusion(size // 3, size)
    assert kept.consistency(size // 2, size) == model.consistency(size // 2, size)


def test_file_has_no_name_and_goes_with_its_list(tmp_path: Path) -> None:
    kept = HashFile(tmp_path)
    kept.extend([bytes(32)])
    assert list(tmp_path.iterdir()) == []
    descriptor = kept._descriptor
    assert os.fstat(descriptor).st_size == 32
    del kept
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
