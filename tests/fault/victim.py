"""What the kill test needs: a suite in a process, and callers who remember what it acknowledged."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from chassis.auth.tokens import DevIssuer
from chassis.clock import SystemClock
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.retention.v1 import ingest_service_pb2 as ingest
from tests.support.contract import rpcs
from tests.support.life import Life
from tests.support.ports import free_port
from tests.support.wire import Who, Wire, wired

FRAME = 100
PRODUCER = "chat-1"
_AGAIN = 0.1

BY_REQUEST = {rpc.descriptor.input_type.full_name: rpc for rpc in rpcs()}


@dataclass
class Writer:
    """Acts again and again, each time under a key of its own, and remembers which acts were acknowledged."""

    who: Who
    make: Callable[[], Any]
    sent: dict[str, Message] = field(default_factory=dict)
    acked: dict[str, bytes] = field(default_factory=dict)

    async def write_until_killed(self, wire: Wire) -> None:
        while True:
            request = self.make()
            request.request_id = new_id()
            self.sent[request.request_id] = request
            try:
                reply = await self._answered(wire, request)
            except OmbudError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    return
                raise
            self.acked[request.request_id] = reply

    async def repeat(self, wire: Wire) -> None:
        """Sends everything again: the acknowledged gets its first answer, the rest takes effect now if not before."""
        for request_id, request in self.sent.items():
            reply = await self._answered(wire, request)
            assert self.acked.setdefault(request_id, reply) == reply

    async def _answered(self, wire: Wire, request: Message) -> bytes:
        """The answer, once the server is not too busy to give one."""
        rpc = BY_REQUEST[request.DESCRIPTOR.full_name]
        while True:
            try:
                return await wire.call(self.who, rpc, request)
            except OmbudError as error:
                if error.reason != "OVERLOADED":
                    raise
            await asyncio.sleep(_AGAIN)


@dataclass
class Appender:
    """Streams frames of numbered records, and remembers how far they were acknowledged."""

    group_id: str
    acked: int = 0
    acks: int = 0

    async def append_until_killed(self, victim: "Victim", *, at: int) -> None:
        token = victim.issuer.workload("platform")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{victim.port}") as channel:
            method = channel.stream_stream(
                "/ombud.retention.v1.IngestService/Append",
                request_serializer=ingest.AppendRequest.SerializeToString,
                response_deserializer=ingest.AppendResponse.FromString,
            )
            call: Any = method(self._frames(at), metadata=[("authorization", f"Bearer {token}")])
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for answer in call:
                    assert answer.HasField("ack")
                    self.acked = answer.ack.acked_sequence
                    self.acks += 1

    async def _frames(self, at: int) -> AsyncIterator[ingest.AppendRequest]:
        first = self.acked + 1
        while True:
            bodies = [b"%d" % sequence for sequence in range(first, first + FRAME)]
            frame = ingest.Frame(
                producer=PRODUCER,
                first_sequence=first,
                group_ids=[self.group_id],
                group_indexes=[0] * FRAME,
                event_times_micros=[at] * FRAME,
                bodies=bodies,
            )
            yield ingest.AppendRequest(frame=frame)
            first += FRAME
            # Lets the others write, too.
            await asyncio.sleep(0)


@dataclass
class Victim:
    """The suite as `ombud up` starts it, always in the same folder and on the same port.

    Attributes:
        data: The folder.
        inside: What begins the command, such as that of a namespace.
        port: The port.
    """

    data: Path
    inside: Sequence[str] = ()
    port: int = field(default_factory=free_port)

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[asyncio.subprocess.Process]:
        ombud = Path(sys.executable).with_name("ombud")
        process = await asyncio.create_subprocess_exec(
            *(*self.inside, str(ombud), "up", "--data", str(self.data), "--port", str(self.port), "--json"),
            *("--health-port", "0"),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            announced = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
            assert announced["port"] == self.port
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    @property
    def issuer(self) -> DevIssuer:
        return DevIssuer(self.data, SystemClock())

    def wire(self) -> contextlib.AbstractAsyncContextManager[Wire]:
        return wired(self.port, self.issuer)


def life_over(wire: Wire) -> Life:
    return Life(wire.call, SystemClock(), Path("/dev/null"))
