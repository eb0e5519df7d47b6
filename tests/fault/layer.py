"""A layer between a service and the system: it sees the calls that change files, and makes one of them fail."""

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

from services.retention import files

CALLS = ("open", "write", "fsync", "fdatasync", "ftruncate", "close", "replace", "rename", "unlink", "mkdir")
_CODE = f"{Path(files.__file__).parent}/"


class Site(NamedTuple):
    """A place in the code that makes a call: the call's name, and the lines that led to it, the innermost first."""

    call: str
    lines: tuple[str, ...]


class FaultLayer:
    """Sees what is done to the files below a folder.

    A call that fails leaves what such a call may leave: half of what was to be written, a descriptor that is closed.

    Args:
        folder: The folder.
        patch: Puts the layer in.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._armed: tuple[Site, int] | None = None
        self.seen: dict[Site, None] = {}
        for name in CALLS:
            self._put_in(name, patch)

    def arm(self, site: Site, errno: int) -> None:
        """Makes the next call at a site fail."""
        self._armed = site, errno

    @property
    def spent(self) -> bool:
        """Whether the call has failed."""
        return self._armed is None

    def _put_in(self, name: str, patch: pytest.MonkeyPatch) -> None:
        whole = getattr(os, name)

        def call(target: Any, *arguments: Any, **named: Any) -> Any:
            if self._is_below(target):
                site = Site(name, _lines())
                self.seen[site] = None
                if self._armed is not None and self._armed[0] == site:
                    (_, number), self._armed = self._armed, None
                    _leave_half(name, whole, target, arguments)
                    raise OSError(number, os.strerror(number))
            return whole(target, *arguments, **named)

        patch.setattr(os, name, call)

    def _is_below(self, target: Any) -> bool:
        try:
            path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else Path(target)
        except (OSError, TypeError):
            return False
        # What has no name is of no use to the next start.
        return (path == self._folder or self._folder in path.parents) and not path.name.endswith(" (deleted)")


def _leave_half(name: str, whole: Any, target: Any, arguments: tuple[Any, ...]) -> None:
    if name == "write":
        whole(target, bytes(arguments[0])[: len(arguments[0]) // 2])
    elif name == "close":
        whole(target)


def _lines() -> tuple[str, ...]:
    """The lines of the service's code that are being run."""
    found: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(_CODE):
            found.append(f"{frame.f_code.co_filename.removeprefix(_CODE)}:{frame.f_lineno}")
        frame = frame.f_back
    return tuple(found)
