"""How long a call waits before the server looks at it: the server calls itself, and sees.

gRPC keeps calls in a queue of its own until Python takes them, one at a time, and tells neither how many there are nor
since when. A call of the server's own waits there like every other.
"""

import asyncio
import time

import grpc

from chassis.ids import new_id
from chassis.server.admission import Pressure

_EVERY = 0.04
_TIMEOUT = 5.0


class Probe:
    """Measures the wait, and keeps the pressure by it.

    Attributes:
        path: What it calls: no RPC, but a name that nobody else knows.
        pressure: What it keeps.
    """

    def __init__(self) -> None:
        self.path = f"/{new_id()}"
        self.pressure = Pressure()
        self._port = 0
        self._asked: float | None = None
        self._waited = 0.0

    def bind(self, server: grpc.aio.Server) -> None:
        """Gives the server a port for its own calls: plaintext on loopback, so it proves nobody to be anybody."""
        self._port = server.add_insecure_port("127.0.0.1:0")

    def seen(self) -> None:
        """Says that the server looks at the call."""
        if self._asked is not None:
            self._waited, self._asked = time.monotonic() - self._asked, None

    async def run(self) -> None:
        """Measures until cancelled, while calls come in."""
        # A proxy would be a stranger's.
        options = (("grpc.enable_http_proxy", 0),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options=options) as channel:
            ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(self.path)
            call: grpc.aio.UnaryUnaryCall[bytes, bytes] | None = None
            while True:
                await asyncio.sleep(_EVERY)
                busy = self.pressure.came or self.pressure.value
                self.pressure.look(self._wait())
                if busy and (call is None or call.done()):
                    self._asked = time.monotonic()
                    call = ask(b"", timeout=_TIMEOUT)

    def _wait(self) -> float:
        """Seconds that the last call waited, or that the one under way has by now, whichever is more."""
        return self._waited if self._asked is None else max(self._waited, time.monotonic() - self._asked)
