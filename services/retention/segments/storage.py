"""Where segment files are: an interface, and the local disk."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from chassis.clock import Clock
from services.retention.config import SegmentsConfig
from services.retention.files import sync_folder, write_durably


class SegmentStorage(Protocol):
    """Keeps segment files under their names. Every method may be called from any thread.

    Where it is not on this machine, every method may raise a Refusal: PEER_UNAVAILABLE.
    """

    def check(self) -> None:
        """Returns if what is promised here can be kept.

        Raises:
            ConfigError: It can not.
        """
        ...

    def put(self, name: str, content: bytes, *, keep_until: datetime) -> None:
        """Stores a file: whole and durable, or not at all. The same file may come again.

        Args:
            name: Its name, folders parted by `/`.
            content: The whole of it.
            keep_until: Nobody can remove it before, where the storage itself can see to that.
        """
        ...

    def copies(self, name: str) -> Iterator[bytes]:
        """What is stored under a name: nothing, or what came last, then what came before and is still there."""
        ...

    def names(self) -> Iterator[str]:
        """The names of all files, sorted."""
        ...

    def delete(self, name: str) -> int:
        """Removes a file with every copy; returns the bytes that this freed, 0 if it was gone already.

        Raises:
            StillLockedError: The storage keeps it for longer.
        """
        ...


def storage_of(folder: Path, config: SegmentsConfig, clock: Clock) -> SegmentStorage:
    """Where the settings of a service with a folder of its own say that segments are."""
    if config.s3 is None:
        return LocalStorage(folder / "segments")
    from services.retention.segments.object_store import ObjectStore  # noqa: PLC0415 - wants packages that few need

    return ObjectStore(config.s3, clock)


class StillLockedError(Exception):
    """The storage refuses to remove a file before its time. The text names the file."""


class LocalStorage:
    """Files in a folder on this machine, which nothing but its owner's restraint protects from removal.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """Nothing is promised that could be checked."""

    def put(self, name: str, content: bytes, *, keep_until: datetime) -> None:  # noqa: ARG002 - a disk locks nothing
        """Stores a file."""
        write_durably(self._folder / name, content)

    def copies(self, name: str) -> Iterator[bytes]:
        """The file, if it is there and can be read."""
        try:
            content = (self._folder / name).read_bytes()
        except OSError:
            return
        yield content

    def names(self) -> Iterator[str]:
        """The names of all files."""
        files = (file for file in self._folder.rglob("*") if file.is_file() and not file.name.endswith(".part"))
        yield from sorted(file.relative_to(self._folder).as_posix() for file in files)

    def delete(self, name: str) -> int:
        """Removes a file."""
        path = self._folder / name
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        sync_folder(path.parent)
        return size
