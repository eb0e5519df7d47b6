"""Hashes in a file without a name, so that a log may have more leaves than the memory has room for."""

import os
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import overload

from services.retention.files import write_all

_BYTES = 32


class HashFile:
    """A growing list of 32-byte hashes. It ends with the process; what is read often, the system keeps in memory.

    Args:
        folder: A folder on the disk that it takes room on.

    Raises:
        OSError: Also of each method: the disk failed, and what the list holds is not known any more.
    """

    def __init__(self, folder: Path) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._length = 0

    def __len__(self) -> int:
        """Number of hashes."""
        return self._length

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        """A hash by its place, or neighbouring ones; places count from the beginning."""
        if isinstance(at, int):
            return os.pread(self._descriptor, _BYTES, at * _BYTES)
        start, end, _ = at.indices(self._length)
        content = os.pread(self._descriptor, max(end - start, 0) * _BYTES, start * _BYTES)
        return [content[offset : offset + _BYTES] for offset in range(0, len(content), _BYTES)]

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Adds hashes at the end."""
        content = b"".join(hashes)
        os.lseek(self._descriptor, self._length * _BYTES, os.SEEK_SET)
        write_all(self._descriptor, content)
        self._length += len(content) // _BYTES

    def __delitem__(self, at: slice) -> None:
        """Drops all hashes from a place on."""
        self._length = min(self._length, at.start)
