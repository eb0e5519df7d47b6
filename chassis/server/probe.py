"""How long calls wait: for the server to look at them, and for a thread to read in.

gRPC keeps calls in a queue of its own until Python takes them, one at a time, and tells neither how many there are nor
since when. So the server calls itself: its own call waits there like every other.
"""

import asyncio
import time
from collections.abc import Sequence

import grpc

from chassis.db import Database
from chassis.ids import new_id
from chassis.server.admission import Pressure

# Seconds between two looks, under pressure and without: a call of its own costs as much as two of others.
_OFTEN, _SELDOM = 0.04, 0.1
_TIMEOUT = 5.0
# With fewer calls before its own it is no crowd that waits, but the callers of a client or two for each other.
_CROWD = 32
# With fewer from one of its own to the next nobody is held back.
_FEW = 5


class Probe:
    """Measures the wait, and keeps the pressure by it.

    Args:
        databases: Those that calls read from.

    Attributes:
        path: What it calls: no RPC, but a name that nobody else knows.
        pressure: What it keeps.
    """

    def __init__(self, databases: Sequence[Database]) -> None:
        self.path = f"/{new_id()}"
        self.pressure = Pressure()
        self._databases = databases
        self._port = 0
        self._asked: float | None = None
        self._waited = 0.0

    def bind(self, server: grpc.aio.Server) -> None:
        """Gives the server a port for its own calls: plaintext on loopback, so it proves nobody to be anybody."""
        self._port = server.add_insecure_port("127.0.0.1:0")

    def seen(self) -> None:
        """Says that the server looks at the call."""
        self._waited, self._asked = self._wait(), None

    async def run(self) -> None:
        """Measures until cancelled, while calls come in."""
        # A proxy would be a stranger's.
        options = (("grpc.enable_http_proxy", 0),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options=options) as channel:
            ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(self.path)
            call: grpc.aio.UnaryUnaryCall[bytes, bytes] | None = None
            while True:
                await asyncio.sleep(_OFTEN if self.pressure.value else _SELDOM)
                self.pressure.look(max([self._wait(), *(database.read_wait for database in self._databases)]))
                if call is not None and not call.done():
                    continue
                if self.pressure.came < _FEW:
                    self.pressure.ease()
                self._asked, self._waited = None, 0.0
                if self.pressure.came:
                    self._asked, self.pressure.came = time.monotonic(), 0
                    call = ask(b"", timeout=_TIMEOUT)

    def _wait(self) -> float:
        """Seconds that its last call waited for others, or that the one under way has by now."""
        if self._asked is None:
            return self._waited
        return time.monotonic() - self._asked if self.pressure.came >= _CROWD else 0.0
