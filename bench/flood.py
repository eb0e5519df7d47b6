"""Calls at a fixed rate that cost who makes them next to nothing: HTTP/2 frames cut beforehand, answers only counted.

A client of gRPC's spends as much on a call as the server does on refusing it, and could not ask for much more than the
server answers. As a program of its own it takes a `Flood` from its standard input, and says what it `Sent` once when it
is connected and once at the end, all as JSON, a line each.
"""

import asyncio
import json
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import cycle

from ombud.client import request_id

# Where a request has its request_id: as long as a real one.
ID = "00000000-0000-0000-0000-000000000000"
_SLOT = 0.002
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM = _ACK = 1
_END_HEADERS = 4
_INITIAL_WINDOW_SIZE, _WIDE, _NARROW = 4, (1 << 31) - 1, 65_535
_SEVEN_BITS = 127


@dataclass(frozen=True)
class Request:
    """One call: its path, the caller's token, and the message in hexadecimal digits."""

    path: str
    token: str
    body: str


@dataclass(frozen=True)
class Flood:
    """What to send, one after the other and then again: where, how many a second, and for how many seconds."""

    port: int
    rate: float
    seconds: float
    requests: list[Request]


@dataclass
class Sent:
    """How many calls were sent, and how many of them were answered in whatever way by the end."""

    calls: int = 0
    answered: int = 0


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


def headers(request: Request) -> bytes:
    """The headers of a call, each a literal that is not indexed (RFC 7541, section 6.2.2)."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": request.path,
        ":authority": "127.0.0.1",
        "te": "trailers",
        "content-type": "application/grpc",
        "authorization": f"Bearer {request.token}",
    }
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields.items())


def _string(text: str) -> bytes:
    length = len(text)
    if length < _SEVEN_BITS:
        return bytes([length]) + text.encode()
    octets, length = bytearray([_SEVEN_BITS]), length - _SEVEN_BITS
    while length > _SEVEN_BITS:
        octets.append(length & _SEVEN_BITS | 0x80)
        length >>= 7
    return bytes([*octets, length]) + text.encode()


def _cut(request: Request) -> tuple[bytes, list[bytes]]:
    """A call's headers, and its message, in parts between which a new id belongs."""
    body = bytes.fromhex(request.body)
    return headers(request), (struct.pack(">BI", 0, len(body)) + body).split(ID.encode())


class Connection(asyncio.Protocol):
    """One connection, which sends what it has cut."""

    def __init__(self, requests: list[Request]) -> None:
        self.sent = Sent()
        self._calls: Iterator[tuple[bytes, list[bytes]]] = cycle(map(_cut, requests))
        self._stream = 1
        self._window = _NARROW
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Opens the connection, with room for every answer."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP gives no other
        self._transport = transport
        wide = struct.pack(">HI", _INITIAL_WINDOW_SIZE, _WIDE)
        transport.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(_SETTINGS, 0, 0, wide))
        transport.write(frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _WIDE - _NARROW)))

    def send(self, count: int) -> None:
        """Sends so many calls."""
        octets = []
        for _ in range(count):
            head, parts = next(self._calls)
            message = request_id().encode().join(parts)
            self._window -= len(message)
            if self._window < 0:
                raise RuntimeError("the server takes no more")
            octets += [
                frame(_HEADERS, _END_HEADERS, self._stream, head),
                frame(_DATA, _END_STREAM, self._stream, message),
            ]
            self._stream += 2
        self.sent.calls += count
        self._transport.write(b"".join(octets))

    def data_received(self, data: bytes) -> None:
        """Counts what ends, and answers what has to be answered for the connection to live."""
        data, at = self._unread + data, 0
        while len(data) - at >= 9:  # noqa: PLR2004 - a frame's head
            high, low, kind, flags, stream = struct.unpack_from(">BHBBI", data, at)
            end = at + 9 + (high << 16 | low)
            if end > len(data):
                break
            self._received(kind, flags, stream, data[at + 9 : end])
            at = end
        self._unread = data[at:]

    def _received(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _GOAWAY:
            raise RuntimeError("the server hangs up")
        if kind == _RST_STREAM or (kind == _HEADERS and flags & _END_STREAM):
            self.sent.answered += 1
        elif kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload)
        elif kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._transport.write(frame(kind, _ACK, 0, payload if kind == _PING else b""))


async def run(flood: Flood) -> Sent:
    """Sends calls when they are due, in slots of two milliseconds, whether or not those before them were answered."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(flood.requests), "127.0.0.1", flood.port)
    await asyncio.sleep(0.2)
    print(json.dumps(asdict(connection.sent)), flush=True)
    began = time.perf_counter()
    while (now := time.perf_counter()) < began + flood.seconds:
        due = int((now - began) * flood.rate)
        connection.send(due - connection.sent.calls)
        await asyncio.sleep(_SLOT)
    return connection.sent


def _read(text: str) -> Flood:
    asked = json.loads(text)
    return Flood(**asked | {"requests": [Request(**each) for each in asked["requests"]]})


@asynccontextmanager
async def flooded(flood: Flood) -> AsyncIterator[Sent]:
    """Floods from a process of its own; the block's value is what was sent, once it has ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.flood", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin and process.stdout  # noqa: S101, PT018 - they are pipes
    process.stdin.write(json.dumps(asdict(flood)).encode() + b"\n")
    sent = Sent(**json.loads(await process.stdout.readline()))
    yield sent
    ended = json.loads(await process.stdout.readline())
    sent.calls, sent.answered = ended["calls"], ended["answered"]
    await process.wait()


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(_read(sys.stdin.readline()))))), flush=True)
