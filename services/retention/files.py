"""Files that are whole or absent, also after the machine has died, and the space that they need."""

import fcntl
import os
from pathlib import Path

from chassis.refusal import ErrorReason, Refusal


def write_durably(path: Path, data: bytes | bytearray, *, mode: int = 0o600) -> None:
    """Writes a file under its name only once all of it is on stable storage."""
    make_folder(path.parent)
    scratch = path.with_name(path.name + ".part")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    scratch.replace(path)
    sync_folder(path.parent)


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Writes all of some bytes, in as many calls as the system takes."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, each of them durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the folder's entries durable: files made, renamed or removed in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FolderLock:
    """Keeps other processes off a folder while this one is at work in it.

    Args:
        path: The lock's file; made if absent.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @classmethod
    def of(cls, folder: Path) -> "FolderLock":
        """The lock of a retention service's folder."""
        return cls(folder / "wal" / "lock")

    def take(self) -> None:
        """Takes the lock; this comes before all else.

        Raises:
            BlockingIOError: Another process has it.
        """
        make_folder(self._path.parent)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise

    def release(self) -> None:
        """Gives the lock back, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class SpaceFloor:
    """Keeps a reserve on the disk, so that what was accepted can also be sealed.

    Args:
        folder: A folder on that disk.
        floor_bytes: The reserve.
    """

    def __init__(self, folder: Path, floor_bytes: int) -> None:
        self._folder = folder
        self._floor_bytes = floor_bytes

    def refusal(self) -> Refusal | None:
        """STORAGE_FULL while less than the reserve is free."""
        state = os.statvfs(self._folder)
        free = state.f_bavail * state.f_frsize
        if free >= self._floor_bytes:
            return None
        return Refusal(
            ErrorReason.ERROR_REASON_STORAGE_FULL,
            "too little space is free to promise durability",
            satisfy="the same call once space is freed",
            free_bytes=free,
            floor_bytes=self._floor_bytes,
        )
