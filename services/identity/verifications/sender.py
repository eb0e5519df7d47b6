"""Sends codes to telephones."""

import asyncio
import json
from pathlib import Path
from typing import Protocol

from chassis.outbox import append_line
from chassis.redacted import Redacted


class CodeSender(Protocol):
    """A gateway for short messages."""

    async def send(self, phone: Redacted[str], code: Redacted[str]) -> None:
        """Hands over one code for one telephone number in E.164 form; returns when the gateway has it."""
        ...


class FileOutbox:
    """Stands in for a gateway where there is none: a JSON line a message, `{"to": "+49…", "code": "…"}`.

    The file (mode 0600) is the one place where number and code appear in the clear.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, phone: Redacted[str], code: Redacted[str]) -> None:
        """Appends the message."""
        line = json.dumps({"to": phone.reveal(), "code": code.reveal()})
        await asyncio.to_thread(append_line, self._path, line.encode())
