from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from services.retention.log.tiles import (
    ENTRIES,
    Tile,
    TileFolder,
    first_entry_needed,
    split_bundle,
    tiles_between,
)
from services.retention.log.tree import EMPTY_ROOT, Tree, leaf_hash


def entries(count: int) -> list[bytes]:
    return [f"entry {number}".encode() for number in range(count)]


def test_root_of_every_size_is_what_another_implementation_computes() -> None:
    oracle, tree = InmemoryTree(algorithm="sha256"), Tree()
    assert tree.root(0) == EMPTY_ROOT
    for size, entry in enumerate(entries(300), 1):
        oracle.append_entry(entry)
        tree.extend([leaf_hash(entry)])
        assert tree.root(size) == oracle.get_root()


def test_number_is_written_in_groups_of_three_digits() -> None:
    assert Tile(0, 1_234_067, 256).path == "tile/0/x001/x234/067"
    assert Tile(2, 0, 1).path == "tile/2/000.p/1"
    assert Tile(ENTRIES, 273, 112).path == "tile/entries/273.p/112"


@given(st.integers(-1, 63), st.integers(0, 1 << 40), st.integers(1, 256))
def test_path_is_read_back(level: int, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000",
        "tile/00/000",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/../../checkpoint",
        "tile/entries/000.part",
        "checkpoint",
    ],
)
def test_path_that_the_specification_does_not_know_is_no_tile(path: str) -> None:
    assert Tile.parse(path) is None


def test_seventy_thousand_leaves_have_the_tiles_of_the_specifications_example() -> None:
    tiles = list(tiles_between(0, 70_000))
    full = Counter(tile.level for tile in tiles if tile.width == 256)
    partial = {tile.level: tile.width for tile in tiles if tile.width < 256}
    assert full == {ENTRIES: 273, 0: 273, 1: 1}
    assert partial == {ENTRIES: 112, 0: 112, 1: 17, 2: 1}


def test_tile_holds_the_roots_of_full_subtrees_below_it() -> None:
    leaves = entries(1000)
    tree = Tree(map(leaf_hash, leaves))
    assert Tile(0, 3, 232).content(tree, leaves) == b"".join(map(leaf_hash, leaves[768:]))
    roots = [Tree(map(leaf_hash, leaves[at : at + 256])).root(256) for at in (0, 256, 512)]
    assert Tile(1, 0, 3).content(tree, leaves) == b"".join(roots)
    assert split_bundle(Tile(ENTRIES, 3, 232).content(tree, leaves)) == leaves[768:]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_growing_in_steps_passes_through_the_tiles_of_the_last_size(steps: list[int]) -> None:
    sizes = [0]
    for step in steps:
        sizes.append(sizes[-1] + step)
    grown = {tile for old, new in pairwise(sizes) for tile in tiles_between(old, new)}
    assert set(tiles_between(0, sizes[-1])) <= grown
    assert all(tile.within(sizes[-1]) for tile in grown)


def test_published_folder_has_the_tiles_of_its_size_and_drops_partial_ones_of_full_tiles(tmp_path: Path) -> None:
    leaves = entries(600)
    tree, folder = Tree(map(leaf_hash, leaves)), TileFolder(tmp_path / "log")
    for old, new in ((0, 100), (100, 255), (255, 600)):
        fresh = leaves[first_entry_needed(old) : new]
        folder.publish(tree, fresh, old_size=old, new_size=new, checkpoint=f"of {new}")
    assert folder.checkpoint_file.read_text() == "of 600"
    found = {str(path.relative_to(tmp_path / "log")) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {tile.path for tile in tiles_between(0, 600)} | {"checkpoint"}
    for tile in tiles_between(0, 600):
        assert (tmp_path / "log" / tile.path).read_bytes() == tile.content(tree, leaves)


def test_bundle_that_is_cut_short_is_refused() -> None:
    bundle = Tile(ENTRIES, 0, 2).content(Tree(), entries(2))
    for length in range(1, len(bundle)):
        if length != len(bundle) // 2:
            with pytest.raises(ValueError, match="cut short"):
                split_bundle(bundle[:length])
