"""The suite under the story's hand: started, asked as this or that caller, put forward in time, killed."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import grpc.aio

from chassis.auth.tokens import DevIssuer
from ombud.client import connect
from ombudctl.output import CommandError
from ombudctl.story.host import MovableClock
from ombudctl.story.patience import patient

_START = 60.0
_STOP = 15.0
_TOKEN_LIFE = timedelta(hours=1)


@dataclass(frozen=True)
class Person:
    """A member of staff.

    Attributes:
        staff_id: Who.
        roles: What they may do.
        account_id: Their own account on the platform; empty if they have none.
        workload: The workload that they work behind.
    """

    staff_id: str
    roles: frozenset[str]
    account_id: str = ""
    workload: str = "desk"


def person(staff_id: str, *roles: str, account_id: str = "", workload: str = "desk") -> Person:
    """A member of staff with roles."""
    return Person(staff_id, frozenset(roles), account_id, workload)


@dataclass
class Suite:
    """A suite in a process of its own.

    Attributes:
        data: Its folder.
        policy: The policy pack.
        clock: The suite's time, as the story knows it.
        port: Where it serves; 0 before the first start.
    """

    data: Path
    policy: Path
    clock: MovableClock = field(default_factory=MovableClock)
    port: int = 0
    _process: asyncio.subprocess.Process | None = None
    _channels: dict[Person | str, grpc.aio.Channel] = field(default_factory=dict)
    _tokens: dict[Person | str, tuple[datetime, str]] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels.values():
            await channel.close()
        await self.stop()

    @property
    def target(self) -> str:
        """Where it serves."""
        return f"127.0.0.1:{self.port}"

    @property
    def _log(self) -> Path:
        return self.data / "suite.log"

    def now(self) -> datetime:
        """The suite's time."""
        return self.clock.now()

    async def start(self) -> float:
        """Starts it, at the same port as before.

        Returns:
            Seconds until it answered.

        Raises:
            CommandError: It did not start; the text has its last words.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        options = {
            "data": self.data,
            "port": self.port,
            "policy": self.policy,
            "ahead": self.clock.ahead.total_seconds(),
        }
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        with self._log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ombudctl.story.host",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        answer = await self._hear(_START)
        self.port = int(answer["port"])
        return loop.time() - begun

    async def advance(self, delta: timedelta) -> None:
        """Puts the suite's clock forward."""
        assert self._process is not None  # noqa: S101 - started on entry
        assert self._process.stdin is not None  # noqa: S101 - a pipe by construction
        self._process.stdin.write(f"{delta.total_seconds()}\n".encode())
        await self._process.stdin.drain()
        await self._hear(_STOP)
        self.clock.ahead += delta

    def send_kill(self) -> None:
        """Ends the process at once, with SIGKILL."""
        if self._process:
            self._process.kill()

    async def gone(self) -> None:
        """Waits until the process has ended."""
        if self._process:
            await self._process.wait()
            self._process = None

    async def stop(self) -> None:
        """Lets the process drain; kills it if it does not end."""
        if not self._process or not self._process.stdin:
            return
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP)
        except TimeoutError:
            self.send_kill()
            await self.gone()
        self._process = None

    def anonymous(self) -> grpc.aio.Channel:
        """A channel that proves nobody."""
        return self._channel("")

    def workload(self, name: str) -> grpc.aio.Channel:
        """A channel of a workload."""
        return self._channel(name)

    def as_(self, someone: Person) -> grpc.aio.Channel:
        """A channel of a person."""
        return self._channel(someone)

    def _channel(self, caller: Person | str) -> grpc.aio.Channel:
        if caller not in self._channels:
            token = None if caller == "" else lambda: self._token(caller)
            self._channels[caller] = patient(connect(self.target, token=token, timeout=20.0))
        return self._channels[caller]

    def _token(self, caller: Person | str) -> str:
        made, token = self._tokens.get(caller, (None, ""))
        if made is None or self.now() - made > _TOKEN_LIFE / 2:
            token = self._new_token(caller)
            self._tokens[caller] = (self.now(), token)
        return token

    def _new_token(self, caller: Person | str) -> str:
        issuer = DevIssuer(self.data, self.clock)
        if isinstance(caller, str):
            return issuer.workload(caller, valid=_TOKEN_LIFE)
        return issuer.person(
            caller.staff_id, caller.roles, workload=caller.workload, account_id=caller.account_id, valid=_TOKEN_LIFE
        )

    async def _hear(self, seconds: float) -> dict[str, float]:
        assert self._process is not None  # noqa: S101 - started on entry
        assert self._process.stdout is not None  # noqa: S101 - a pipe by construction
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except TimeoutError:
            line = b""
        if not line:
            raise CommandError("the suite does not answer", f"{self._log}: {self._log.read_text()[-2000:].strip()}")
        answer: dict[str, float] = json.loads(line)
        return answer
