"""How a command reaches a suite, on this machine or on another one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import grpc.aio

from ombud.client import OmbudError, Tls, connect
from ombudctl.output import CommandError
from ombudctl.token import issuer

T = TypeVar("T")

_VALID = timedelta(minutes=5)


@dataclass(frozen=True)
class Suite:
    """How the suite is reached, and as whom.

    Attributes:
        target: Where it serves.
        staff_id: The person, for a token of the suite in `data`.
        data: Folder of a suite on this machine, whose development issuer gives the token.
        token_file: A token of the platform's issuer of tokens, instead.
        tls: A folder with `ca.pem`, `cert.pem` and `key.pem`, for a suite on another machine.
        role: The role that the person acts in.
    """

    target: str
    staff_id: str
    data: Path
    token_file: Path | None = None
    tls: Path | None = None
    role: str = "custodian"

    def channel(self) -> grpc.aio.Channel:
        """A channel for calls as the person.

        Raises:
            CommandError: There is no suite in the folder, or as `reach`.
        """
        if self.token_file is not None:
            token = self.token_file.read_text().strip()
        else:
            token = issuer(self.data).person(
                self.staff_id, frozenset({self.role}), workload="desk", account_id="", valid=_VALID
            )
        return reach(self.target, token=token, tls=self.tls)

    def ask(self, question: Callable[[grpc.aio.Channel], Awaitable[T]]) -> T:
        """Asks it something, and gives the answer.

        Raises:
            CommandError: As `channel`, or the suite refused.
        """

        async def asked() -> T:
            async with self.channel() as channel:
                return await question(channel)

        try:
            return asyncio.run(asked())
        except OmbudError as error:
            raise CommandError(f"the suite refused: {error}") from error


def reach(target: str, *, token: str | Callable[[], str] | None = None, tls: Path | None = None) -> grpc.aio.Channel:
    """A channel to a suite.

    Args:
        target: Where it serves.
        token: Who calls.
        tls: A folder with `ca.pem`, `cert.pem` and `key.pem`; None for a suite on this machine.

    Raises:
        CommandError: It is on another machine, and there are no certificates that can be used.
        OSError: A certificate file can not be read.
    """
    files = Tls(tls / "ca.pem", tls / "cert.pem", tls / "key.pem") if tls else None
    try:
        return connect(target, token=token, tls=files)
    except ValueError as error:
        raise CommandError(str(error), "Without certificates, name a suite on this machine.") from error
