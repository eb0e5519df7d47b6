"""The suite as in production on one machine: processes of their own, mutual TLS, replicas over one PostgreSQL."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psycopg
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.auth.tokens import DEV_ISSUER, DevIssuer
from chassis.clock import SystemClock
from chassis.db import migrate
from ombud.client import Tls, connect
from ombudctl.dev_ca import Authority
from ombudctl.services import SERVICES
from tests.support.contract import Rpc
from tests.support.engines import fresh_postgres
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.suite import POLICY
from tests.support.wire import Who, Wire, persons_token

ROOT = Path(__file__).parents[2]
STARTED_WITHIN = 90.0
ENDED_WITHIN = 30.0


@dataclass(frozen=True)
class Place:
    """Where a process runs.

    Attributes:
        host: The address at which it serves, or a name of it that its certificate bears.
        inside: What begins its command, such as that of a namespace.
        environment: What it is started with beyond the tests' own environment.
    """

    host: str = "127.0.0.1"
    inside: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


HERE = Place()


@dataclass
class Replica:
    """One process of a service.

    Attributes:
        service: Its name.
        settings: The file that it was started with.
        port: Where it serves.
        health_port: Where its health is asked.
        place: Where it runs.
        process: The process; None while it does not run.
    """

    service: str
    settings: Path
    port: int
    health_port: int
    place: Place = HERE
    process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where it is called."""
        return f"{self.place.host}:{self.port}"

    async def start(self) -> None:
        """Starts the process; see `serves` for when it answers."""
        with self.settings.with_suffix(".log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(
                    *self.place.inside,
                    sys.executable,
                    "-m",
                    "ombudctl.main",
                    "serve",
                    self.service,
                    "--config",
                    str(self.settings),
                ),
                cwd=ROOT,
                env={**os.environ, **self.place.environment},
                stdout=log,
                stderr=log,
            )

    async def serves(self) -> bool:
        """Whether the process says that it serves."""
        if self.process is not None and self.process.returncode is not None:
            raise AssertionError(f"{self.service} ended: {self.settings.with_suffix('.log').read_text()[-2000:]}")
        async with grpc.aio.insecure_channel(f"{self.place.host}:{self.health_port}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            try:
                status = await stub.Check(health_pb2.HealthCheckRequest(service=self.service), timeout=1)
            except grpc.aio.AioRpcError:
                return False
            return bool(status.status == health_pb2.HealthCheckResponse.SERVING)

    async def again(self) -> None:
        """Starts the process anew; returns when it serves."""
        await self.start()
        await eventually(self.serves, within=STARTED_WITHIN)

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self) -> int:
        """The exit code, once the process has ended."""
        assert self.process is not None
        async with asyncio.timeout(ENDED_WITHIN):
            code = await self.process.wait()
        self.process = None
        return code

    async def kill(self) -> None:
        """Ends the process without a word to it."""
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.ended()


@dataclass
class Cluster:
    """The processes, and the means to call them."""

    folder: Path
    authority: Authority
    issuer: DevIssuer
    urls: Mapping[str, str]
    replicas: dict[str, list[Replica]] = field(default_factory=dict)
    _channels: dict[tuple[str, str], grpc.aio.Channel] = field(default_factory=dict)

    def target(self, service: str) -> str:
        """All replicas of a service, as one gRPC name."""
        addresses = [replica.address for replica in self.replicas[service]]
        return addresses[0] if len(addresses) == 1 else f"ipv4:{','.join(addresses)}"

    def channel(self, workload: str, target: str) -> grpc.aio.Channel:
        """A client's channel, as a workload."""
        if (workload, target) not in self._channels:
            files = self.authority.workload(workload)
            self._channels[workload, target] = connect(target, tls=Tls(files.root, files.certificate, files.key))
        return self._channels[workload, target]

    def rows(self, service: str, sql: str) -> list[Any]:
        """What a query of a service's database gives."""
        with psycopg.connect(self.urls[service].replace("+psycopg", "")) as connection:
            return connection.execute(sql).fetchall()

    def wire(self, replica: int | None = None) -> Wire:
        """Calls over all replicas in turn, or of each service the one of that number."""

        def channel(who: Who, rpc: Rpc) -> grpc.aio.Channel:
            target = self.target(rpc.method.service)
            if replica is not None:
                those = self.replicas[rpc.method.service]
                target = those[replica % len(those)].address
            return self.channel(who.workload or "platform", target)

        return Wire(channel, lambda who: persons_token(self.issuer, who) if who.roles else "")

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


@contextlib.asynccontextmanager
async def clustered(
    folder: Path,
    postgres: str | None,
    *,
    replicas: int = 2,
    services: Collection[str] = SERVICES,
    place: Callable[[str, Path], Place] = lambda _service, _settings: HERE,
) -> AsyncIterator[Cluster]:
    """Starts the four services, each migrated first.

    Args:
        folder: Where everything is kept.
        postgres: URI of the PostgreSQL server; a file for each service, which has one replica then, if None.
        replicas: Of identity, credit and groups each; a shard of retention has one.
        services: Which of them to start; all if absent.
        place: Says where a process runs, by its service and its file of settings.
    """
    clock = SystemClock()
    urls = {
        service: fresh_postgres(postgres) if postgres else f"sqlite:///{folder / service}.db" for service in services
    }
    cluster = Cluster(folder, Authority(folder / "certificates", clock.now()), DevIssuer(folder, clock), urls)
    public = cluster.issuer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "issuer.pem").write_bytes(public)
    for service, url in urls.items():
        await asyncio.to_thread(migrate.upgrade, url, f"services.{service}")
        count = 1 if service == "retention" else replicas
        files = [folder / f"{service}-{number}.yaml" for number in range(count)]
        cluster.replicas[service] = [
            Replica(service, file, free_port(), free_port(), place(service, file)) for file in files
        ]
    everyone = [replica for those in cluster.replicas.values() for replica in those]
    try:
        for replica in everyone:
            replica.settings.write_text(yaml.safe_dump(_settings(cluster, replica)))
            await replica.start()
        for replica in everyone:
            await eventually(replica.serves, within=STARTED_WITHIN)
        yield cluster
    finally:
        await cluster.close()
        for replica in everyone:
            await replica.kill()


def _settings(cluster: Cluster, replica: Replica) -> dict[str, Any]:
    tls = cluster.authority.workload(replica.service)
    folder = cluster.folder / replica.service
    folder.mkdir(exist_ok=True)
    return {
        "server": {
            "listen": replica.address,
            "health_listen": f"{replica.place.host}:{replica.health_port}",
            "tls": {"root": str(tls.root), "certificate": str(tls.certificate), "key": str(tls.key)},
            "token_keys": {DEV_ISSUER: str(cluster.folder / "issuer.pem")},
            "traces_file": str(replica.settings.with_suffix(".traces.db")),
            "peers": {service: cluster.target(service) for service in cluster.replicas},
        },
        "service": {
            "database_url": cluster.urls[replica.service],
            "data_dir": str(folder),
            "policy_file": str(POLICY),
        },
    }
