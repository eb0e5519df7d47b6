"""A small disk for one process: a file system in memory that nobody else sees."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BLOCK = b"\0" * (1 << 20)
_MOUNT = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'


def on_small_disk(folder: Path, megabytes: int) -> list[str]:
    """What begins the command of a process for which a folder lies on a disk of its own."""
    folder.mkdir(exist_ok=True)
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", _MOUNT, f"{megabytes}m", str(folder)]


def machine_allows(folder: Path) -> bool:
    """Whether processes may have disks of their own here."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*on_small_disk(folder, 1), "true"], capture_output=True, check=False)  # noqa: S603 - as above
    return tried.returncode == 0


@dataclass(frozen=True)
class SmallDisk:
    """The disk of a running process, from outside.

    Attributes:
        folder: Where it is reached.
    """

    folder: Path

    @classmethod
    def of(cls, process: int, folder: Path) -> "SmallDisk":
        """The disk that a process was started on with `on_small_disk`."""
        return cls(Path(f"/proc/{process}/root{folder}"))

    def fill(self, *, leave: int = 0) -> None:
        """Takes all space but so many bytes."""
        left = shutil.disk_usage(self.folder).free - leave
        with (self.folder / "filler").open("ab", buffering=0) as file:
            try:
                while left > 0:
                    left -= file.write(_BLOCK[:left])
            except OSError:
                return

    def free(self) -> None:
        """Gives the space back."""
        (self.folder / "filler").unlink()
