"""Certificates of both sides replaced again and again under load: how many calls fail."""

import asyncio
import socket
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import yaml
from cryptography import x509

from bench.line import Line
from bench.processes import ALL, free_port, ready, running
from bench.world import WrongAnswerError
from chassis.clock import SystemClock
from chassis.config import TlsFiles
from ombud.client import OmbudError, Tls, connect, request_id
from ombud.identity.v1.account_service_pb2 import (
    ACCOUNT_KIND_PERSONAL,
    HOLDER_KIND_INDIVIDUAL,
    GetAccountRequest,
    RegisterAccountRequest,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombudctl.dev_ca import Authority

_IN_FLIGHT, _ROTATIONS = 8, 3
# Seconds; each side looks at its files once a second.
_EVERY = 1.5
_POLICY = Path(__file__).parents[1] / "policies" / "default.yaml"


@dataclass
class _Calls:
    failed: list[str] = field(default_factory=list)
    answered: int = 0


async def measure() -> Line:
    """Calls that fail, of a service in a process of its own and over mutual TLS.

    Raises:
        WrongAnswerError: The server shows another certificate than its newest.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder / "certificates", SystemClock().now())
        server, client = authority.workload("identity"), authority.workload("platform")
        port, health_port = free_port(), free_port()
        settings = folder / "identity.yaml"
        settings.write_text(yaml.safe_dump(_settings(folder, server, port, health_port)))
        command = [str(Path(sys.executable).with_name("ombud")), "serve", "identity", "--config", str(settings)]
        async with running(command, port, ALL) as process:
            await ready(f"127.0.0.1:{health_port}")
            calls = await _under_load(process.target, authority, client)
            shown = await asyncio.to_thread(_shown, port, client)
        if shown != x509.load_pem_x509_certificate(server.certificate.read_bytes()):
            raise WrongAnswerError("rotation: the server does not show its newest certificate")
    failed = len(calls.failed)
    codes = ",".join(sorted(set(calls.failed)))
    more: dict[str, float | str | None] = {"answered": calls.answered, "rotations": _ROTATIONS, "codes": codes}
    return Line("rotation", failed, "failed calls", budget=0, ok=failed == 0, more=more)


def _settings(folder: Path, tls: TlsFiles, port: int, health_port: int) -> dict[str, dict[str, object]]:
    return {
        "server": {
            "listen": f"127.0.0.1:{port}",
            "health_listen": f"127.0.0.1:{health_port}",
            "tls": {"root": str(tls.root), "certificate": str(tls.certificate), "key": str(tls.key)},
            "traces_file": str(folder / "traces.db"),
            "peers": {"retention": f"127.0.0.1:{free_port()}"},
        },
        "service": {
            "database_url": f"sqlite:///{folder}/identity.db",
            "data_dir": str(folder),
            "policy_file": str(_POLICY),
            "upgrade_schema": True,
        },
    }


async def _under_load(target: str, authority: Authority, client: TlsFiles) -> _Calls:
    calls = _Calls()
    end = time.perf_counter() + _EVERY * (_ROTATIONS + 1)
    async with connect(target, tls=Tls(client.root, client.certificate, client.key)) as channel:
        await asyncio.gather(_rotate(authority), *(_call(channel, calls, end) for _ in range(_IN_FLIGHT)))
    return calls


async def _rotate(authority: Authority) -> None:
    for _ in range(_ROTATIONS):
        await asyncio.sleep(_EVERY)
        for workload in ("identity", "platform"):
            authority.renewed(workload)


async def _call(channel: grpc.aio.Channel, calls: _Calls, end: float) -> None:
    """Registers accounts and reads them, one after the other."""
    stub = AccountServiceStub(channel)
    while time.perf_counter() < end:
        try:
            registered = await stub.RegisterAccount(
                RegisterAccountRequest(
                    request_id=request_id(),
                    kind=ACCOUNT_KIND_PERSONAL,
                    holder_kind=HOLDER_KIND_INDIVIDUAL,
                    nickname="anna",
                )
            )
            await stub.GetAccount(GetAccountRequest(account_id=registered.account.account_id))
        except OmbudError as error:
            calls.failed.append(error.code().name)
        else:
            calls.answered += 2


def _shown(port: int, client: TlsFiles) -> x509.Certificate:
    """The certificate that the server shows to a new connection."""
    context = ssl.create_default_context(cafile=client.root)
    context.load_cert_chain(client.certificate, client.key)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port)) as bare,
        context.wrap_socket(bare, server_hostname="localhost") as connection,
    ):
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
