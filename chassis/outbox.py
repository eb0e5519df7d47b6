"""Files that another program takes lines from."""

import os
from pathlib import Path


def append_line(path: Path, line: bytes) -> None:
    """Appends a line to a file of mode 0600, made if it is not there: whole and on disk, or not at all.

    Raises:
        OSError: It could not be written, for want of space say.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        before = os.fstat(descriptor).st_size
        left = line + b"\n"
        try:
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
