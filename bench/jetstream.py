"""NATS JetStream, durable as we are: every message is on stable storage before it is acknowledged (`sync always`).

`nats-server` is looked for on the PATH and where `go install github.com/nats-io/nats-server/v2@latest` puts it.
"""

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from bench.line import Line
from bench.processes import free_port
from bench.records import FRAME_RECORDS, Records
from bench.world import WrongAnswerError

_NAME = "append-nats-jetstream"
_STREAM, _SUBJECT, _INBOX = "LOG", "log.records", "inbox"
_CONNECTIONS, _FRAMES_UNDER_WAY, _RECORDS_UNDER_WAY = 4, 4, 1024
_READY_WITHIN = 10.0
_CONFIG = """
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: {folder}, sync_interval: always }}
"""


async def measure(records: Records, folder: Path, seconds: float) -> Line:
    """Records a second, a frame a message and a record a message; each half as long.

    Raises:
        WrongAnswerError: The server refused one.
    """
    server = shutil.which("nats-server", path=os.pathsep.join((os.environ["PATH"], str(Path.home() / "go" / "bin"))))
    if server is None:
        return Line(_NAME, None, "records/s", more={"missing": "nats-server"})
    frames = [frame.SerializeToString() for frame in records.frames]
    singles = [record.group.bytes + record.event_time.to_bytes(8, "big") + record.body for record in records.rows()]
    async with _running(server, folder) as port:
        in_frames = await _rate(port, frames, _FRAMES_UNDER_WAY, seconds / 2) * FRAME_RECORDS
        one_by_one = await _rate(port, singles, _RECORDS_UNDER_WAY, seconds / 2)
    more = {"connections": _CONNECTIONS, "a_message": FRAME_RECORDS, "one_by_one": one_by_one}
    return Line(_NAME, in_frames, "records/s", more=more)


@contextlib.asynccontextmanager
async def _running(server: str, folder: Path) -> AsyncIterator[int]:
    port, config = free_port(), folder / "server.conf"
    await asyncio.to_thread(config.write_text, _CONFIG.format(port=port, folder=json.dumps(str(folder))))
    process = await asyncio.create_subprocess_exec(server, "--config", str(config), stderr=asyncio.subprocess.DEVNULL)
    try:
        async with _Connection.ready(port) as connection:
            stream = {"name": _STREAM, "subjects": [_SUBJECT], "storage": "file", "retention": "limits"}
            connection.publish(f"$JS.API.STREAM.CREATE.{_STREAM}", json.dumps(stream).encode())
            await connection.acknowledged()
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _rate(port: int, messages: Sequence[bytes], under_way: int, seconds: float) -> float:
    """Messages acknowledged a second, all connections together."""
    began = time.perf_counter()
    sending = [
        _send(port, cycle(messages[number::_CONNECTIONS]), under_way, began + seconds) for number in range(_CONNECTIONS)
    ]
    sent = sum(await asyncio.gather(*sending))
    return sent / (time.perf_counter() - began)


async def _send(port: int, messages: Iterator[bytes], under_way: int, until: float) -> int:
    sent = acknowledged = 0
    async with _Connection.ready(port) as connection:
        while time.perf_counter() < until or acknowledged < sent:
            while sent - acknowledged < under_way and time.perf_counter() < until:
                connection.publish(_SUBJECT, next(messages))
                sent += 1
            await connection.acknowledged()
            acknowledged += 1
    return sent


@dataclass
class _Connection:
    """As much of the client protocol as publishing with acknowledgements takes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    inbox: str

    @classmethod
    @contextlib.asynccontextmanager
    async def ready(cls, port: int) -> AsyncIterator["_Connection"]:
        """A connection, as soon as the server listens."""
        async with asyncio.timeout(_READY_WITHIN):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
        await reader.readline()
        writer.write(b'CONNECT {"verbose": false, "pedantic": false}\r\n')
        # Each connection hears of its own messages alone.
        inbox = f"{_INBOX}.{writer.get_extra_info('sockname')[1]}"
        writer.write(f"SUB {inbox} 1\r\n".encode())
        try:
            yield cls(reader, writer, inbox)
        finally:
            writer.close()
            await writer.wait_closed()

    def publish(self, subject: str, message: bytes) -> None:
        """Sends a message; the acknowledgement comes to the inbox."""
        self.writer.write(f"PUB {subject} {self.inbox} {len(message)}\r\n".encode() + message + b"\r\n")

    async def acknowledged(self) -> None:
        """Waits for the next acknowledgement.

        Raises:
            WrongAnswerError: It is a refusal.
        """
        while not (line := await self.reader.readline()).startswith(b"MSG"):
            if line.startswith(b"PING"):
                self.writer.write(b"PONG\r\n")
            elif not line.startswith(b"+OK"):
                raise WrongAnswerError(f"nats-server: {line.decode()}")
        answer = json.loads(await self.reader.readexactly(int(line.split()[-1])))
        await self.reader.readline()
        if "error" in answer:
            raise WrongAnswerError(f"nats-server: {answer['error']}")
