"""A machine's clock that tests step under a running process: libfaketime is loaded before the C library."""

import importlib.util
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path


def library() -> Path | None:
    """libfaketime, if it is installed for this machine."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.rglob("libfaketime.so.1"), None)


class Stepped:
    """The clock of one process. It shows the machine's time until it is stepped.

    Args:
        file: Says how far the clock is off.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(timedelta(0))

    def step(self, off: timedelta) -> None:
        """Sets the clock off the machine's by so much."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{off.total_seconds():+.0f}\n")
        written.replace(self._file)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process is started with. The clock by which it measures how long things take is the machine's."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
