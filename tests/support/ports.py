"""Ports for processes that have to be told theirs."""

import random
import socket

# Below those that the system gives to connections: nobody takes one between our look and the process's start.
_FIRST, _LAST = 15_000, 32_000


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    while True:
        port = random.randrange(_FIRST, _LAST)  # noqa: S311 - any will do
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
