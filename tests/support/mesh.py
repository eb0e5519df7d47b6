"""The four services as in production: a server each, which know each other by certificate alone."""

import asyncio
import contextlib
from collections import ChainMap, defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chassis.auth.tokens import DEV_ISSUER, DevIssuer
from chassis.clock import SystemClock
from chassis.config import OtlpConfig, ServerConfig, TlsFiles
from chassis.peers import Peers
from chassis.process import authenticating, client_tls, measured, telemetry_for
from chassis.run import Hosted, Running, serving
from chassis.service import Platform
from ombudctl.dev_ca import Authority
from ombudctl.services import SERVICES, parts_of
from tests.support.clock import ManualClock
from tests.support.contract import Rpc
from tests.support.suite import POLICY
from tests.support.wire import Who, Wire, persons_token


@dataclass
class Mesh:
    """Where the services are, and the means to call them.

    A service calls another by the detour that there is for it, if there is one.
    """

    folder: Path
    clock: ManualClock
    issuer: DevIssuer
    authority: Authority
    database_url: Callable[[str], str]
    otlp: OtlpConfig | None = None
    policy: Path = POLICY
    targets: dict[str, str] = field(default_factory=dict)
    detours: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    health: dict[str, str] = field(default_factory=dict)
    _channels: dict[tuple[Path, str], grpc.aio.Channel] = field(default_factory=dict)

    def channel(self, files: TlsFiles, service: str) -> grpc.aio.Channel:
        """A channel with a certificate."""
        key = files.certificate, service
        if key not in self._channels:
            credentials = grpc.ssl_channel_credentials(
                files.root.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
            )
            self._channels[key] = grpc.aio.secure_channel(self.targets[service], credentials)
        return self._channels[key]

    def wire(self, files: TlsFiles | None = None, token: str | None = None) -> Wire:
        """Calls with the certificate of the caller's workload and a person's token, or with those that are given.

        Nobody calls through the platform, which lets the public in.
        """

        def channel(who: Who, rpc: Rpc) -> grpc.aio.Channel:
            return self.channel(files or self.authority.workload(who.workload or "platform"), rpc.method.service)

        def bearer(who: Who) -> str:
            if token is not None:
                return token
            return persons_token(self.issuer, who) if who.roles else ""

        return Wire(channel, bearer)

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


@contextlib.asynccontextmanager
async def meshed(
    folder: Path,
    database_url: Callable[[str], str] | None = None,
    otlp: OtlpConfig | None = None,
    *,
    services: Collection[str] = SERVICES,
    policy: Path = POLICY,
    prepare: Callable[[Mesh], contextlib.AbstractAsyncContextManager[None]] = lambda _mesh: contextlib.nullcontext(),
) -> AsyncIterator[Mesh]:
    """Starts the four, each with its own certificate, database and traces, on ports of their own.

    Args:
        folder: Where everything is kept.
        database_url: Gives the database of a service by name; files under the folder if absent.
        otlp: Where spans and metrics go; a file of each service if absent.
        services: Which of them to start; all if absent.
        policy: The policy pack.
        prepare: What is entered before they start.
    """

    def in_folder(name: str) -> str:
        return f"sqlite:///{folder / name / name}.db"

    clock = ManualClock()
    mesh = Mesh(
        folder,
        clock,
        DevIssuer(folder, clock),
        Authority(folder / "certificates", SystemClock().now()),
        database_url or in_folder,
        otlp,
        policy,
    )
    public = mesh.issuer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "issuer.pem").write_bytes(public)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(prepare(mesh))
        for name in services:
            running = await stack.enter_async_context(_started(mesh, name))
            mesh.health[name] = f"127.0.0.1:{running.health_port}"
        stack.push_async_callback(mesh.close)
        yield mesh


@contextlib.asynccontextmanager
async def _started(mesh: Mesh, name: str) -> AsyncIterator[Running]:
    config_type, build = parts_of(name)
    folder = mesh.folder / name
    folder.mkdir(exist_ok=True)
    server = ServerConfig(
        listen="127.0.0.1:0",
        health_listen="127.0.0.1:0",
        tls=mesh.authority.workload(name),
        token_keys={DEV_ISSUER: mesh.folder / "issuer.pem"},
        otlp=mesh.otlp,
        traces_file=folder / "traces.db",
        read_trace_ratio=1.0,
    )
    config = config_type(database_url=mesh.database_url(name), data_dir=folder, policy_file=mesh.policy)
    telemetry = telemetry_for(server, name)
    platform = Platform(
        mesh.clock, Peers(ChainMap(mesh.detours[name], mesh.targets), tls=client_tls(server)), telemetry
    )

    def bound(port: int) -> None:
        mesh.targets[name] = f"127.0.0.1:{port}"

    hosted = [Hosted(build(config, platform), platform)]
    try:
        async with (
            authenticating(server, mesh.clock) as authenticator,
            serving(hosted, server, authenticator, telemetry, reflect=False, bound=bound) as running,
            measured(hosted[0].service, server, telemetry),
        ):
            yield running
    finally:
        await asyncio.to_thread(telemetry.shutdown)
