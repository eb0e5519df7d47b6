"""How background work waits after a failure."""

import random

_FIRST = 0.05
_MOST = 5.0


class Backoff:
    """Exponential waiting times with jitter, from 50 ms to 5 s."""

    def __init__(self) -> None:
        self._next = _FIRST

    def wait(self) -> float:
        """Seconds to wait after one more failure."""
        delay, self._next = self._next, min(self._next * 2, _MOST)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing

    def reset(self) -> None:
        """After a success: the next failure waits little again."""
        self._next = _FIRST
