"""The log as files in the form of C2SP tlog-tiles, which verifiers that others wrote can read.

    checkpoint                      the newest signed checkpoint
    tile/<L>/<N>[.p/<W>]            level L: up to 256 hashes, each over 256^L leaves
    tile/entries/<N>[.p/<W>]        up to 256 leaves, each as u16 length | entry, big-endian

`.p/<W>` marks a tile that holds W < 256. N is written in groups of three digits, all but the last with an `x` before.
"""

import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from services.retention.files import write_durably
from services.retention.log.tree import Tree

CHECKPOINT = "checkpoint"
WIDTH = 256
ENTRIES = -1
_HEIGHT = 8
_LENGTH = struct.Struct(">H")
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_MOST_LEVEL = 63


class Tile(NamedTuple):
    """A tile's place in the tree.

    Attributes:
        level: From 0; ENTRIES for the leaves themselves.
        number: Its place in the level, from 0.
        width: How many hashes or leaves it holds, 1 to 256.
    """

    level: int
    number: int
    width: int

    @classmethod
    def parse(cls, path: str) -> "Tile | None":
        """The tile at a path below the log's folder; None if no tile has that path."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        level = ENTRIES if match[1] == "entries" else int(match[1])
        number = int(match[2].replace("x", "").replace("/", ""))
        tile = cls(level, number, int(match[3] or WIDTH))
        return tile if level <= _MOST_LEVEL and tile.path == path else None

    @property
    def path(self) -> str:
        """Where it lies below the log's folder."""
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"{self._stem}{partial}"

    @property
    def partials(self) -> str:
        """Folder of its partial forms."""
        return f"{self._stem}.p"

    @property
    def _stem(self) -> str:
        rest, last = divmod(self.number, 1000)
        path = f"{last:03d}"
        while rest:
            rest, group = divmod(rest, 1000)
            path = f"x{group:03d}/{path}"
        return f"tile/{'entries' if self.level == ENTRIES else self.level}/{path}"

    def within(self, size: int) -> bool:
        """Whether a tree of a size has all that the tile holds."""
        return self.number * WIDTH + self.width <= size >> _HEIGHT * max(self.level, 0)

    def content(self, tree: Tree, entries: Sequence[bytes], first_entry: int = 0) -> bytes:
        """The file's bytes.

        Args:
            tree: A tree that the tile is within.
            entries: The leaves from `first_entry` on.
            first_entry: Index of the first of them; not above the tile's first.
        """
        start = self.number * WIDTH
        if self.level == ENTRIES:
            mine = entries[start - first_entry : start - first_entry + self.width]
            return b"".join(_LENGTH.pack(len(entry)) + entry for entry in mine)
        return b"".join(tree.row(_HEIGHT * self.level, start, start + self.width))


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles that a log has at one size, less the full ones that it had at another; leaves come first."""
    for level in range(ENTRIES, _MOST_LEVEL + 1):
        shift = _HEIGHT * max(level, 0)
        old, new = old_size >> shift, new_size >> shift
        if old == new:
            return
        for number in range(old // WIDTH, -(-new // WIDTH)):
            yield Tile(level, number, min(WIDTH, new - number * WIDTH))


def first_entry_needed(old_size: int) -> int:
    """Index of the first leaf that the tiles after a size hold."""
    return old_size // WIDTH * WIDTH


def split_bundle(content: bytes) -> list[bytes]:
    """The leaves of an entry bundle.

    Raises:
        ValueError: It is cut short.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(content):
        try:
            (length,) = _LENGTH.unpack_from(content, at)
        except struct.error:
            raise ValueError(f"cut short at byte {at}") from None
        at += _LENGTH.size
        if at + length > len(content):
            raise ValueError(f"cut short at byte {at}")
        entries.append(content[at : at + length])
        at += length
    return entries


class TileFolder:
    """The files of one log.

    Args:
        folder: Holds `checkpoint` and `tile/`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoint_file = folder / CHECKPOINT

    @property
    def begun(self) -> bool:
        """Whether any file of a log is there."""
        return self.checkpoint_file.exists() or (self.folder / "tile").exists()

    def publish(self, tree: Tree, entries: Sequence[bytes], *, old_size: int, new_size: int, checkpoint: str) -> None:
        """Makes the log grow: the tiles, and once they are durable the checkpoint that covers them.

        Args:
            tree: A tree of at least the new size.
            entries: The leaves from `first_entry_needed(old_size)` up to the new size.
            old_size: Up to here the tiles are there.
            new_size: Size that the checkpoint signs.
            checkpoint: The signed note.
        """
        first_entry = first_entry_needed(old_size)
        written = list(tiles_between(old_size, new_size))
        for tile in written:
            write_durably(self.folder / tile.path, tile.content(tree, entries, first_entry), mode=0o644)
        write_durably(self.checkpoint_file, checkpoint.encode(), mode=0o644)
        for tile in written:
            if tile.width == WIDTH:
                shutil.rmtree(self.folder / tile.partials, ignore_errors=True)
