"""How a command reaches a suite, on this machine or on another one."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc.aio

from ombud.client import Tls, connect
from ombudctl.token import issuer

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
            CommandError: There is no suite in the folder.
        """
        if self.token_file is not None:
            token = self.token_file.read_text().strip()
        else:
            token = issuer(self.data).person(
                self.staff_id, frozenset({self.role}), workload="desk", account_id="", valid=_VALID
            )
        return connect(self.target, token=token, tls=files(self.tls))


def files(folder: Path | None) -> Tls | None:
    """The files for mutual TLS in a folder; None for a suite on this machine."""
    return Tls(folder / "ca.pem", folder / "cert.pem", folder / "key.pem") if folder else None
