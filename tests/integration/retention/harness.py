"""The retention service alone, behind the whole pipeline, on a port and a folder of its own."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.clock import Clock
from chassis.config import ServerConfig
from chassis.peers import Peers
from chassis.run import Hosted, serving
from chassis.service import Platform
from chassis.telemetry import Telemetry
from chassis.trace_store import TraceStore
from ombud.client import connect
from ombud.retention.v1.access_service_pb2_grpc import AccessServiceStub
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub
from ombud.retention.v1.ingest_service_pb2 import Frame
from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceStub
from ombud.retention.v1.log_service_pb2 import GetReceiptRequest, GetReceiptResponse
from ombud.retention.v1.log_service_pb2_grpc import LogServiceStub
from ombud.retention.v1.record_pb2 import ProofState
from services.retention.config import RetentionConfig
from services.retention.wiring import build
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

if TYPE_CHECKING:  # the stubs of asynchronous channels exist for type checkers alone
    from ombud.retention.v1.access_service_pb2_grpc import AccessServiceAsyncStub
    from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceAsyncStub
    from ombud.retention.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub
    from ombud.retention.v1.log_service_pb2_grpc import LogServiceAsyncStub

POLICY = Path(__file__).parents[3] / "policies" / "default.yaml"
GROUP = "0192f0c1-0000-7000-8000-000000000001"
OTHER_GROUP = "0192f0c1-0000-7000-8000-000000000002"
EVENT_TIME = datetime(2026, 3, 1, tzinfo=UTC)
_EPOCH_MICROS = int(EVENT_TIME.timestamp()) * 1_000_000


def frame(
    first_sequence: int,
    bodies: Sequence[bytes],
    *,
    producer: str = "chat-1",
    groups: Sequence[str] = (GROUP,),
) -> Frame:
    """Records of one producer, dealt out to the groups in turn."""
    return Frame(
        producer=producer,
        first_sequence=first_sequence,
        group_ids=groups,
        group_indexes=[(first_sequence + at) % len(groups) for at in range(len(bodies))],
        event_times_micros=[_EPOCH_MICROS + first_sequence + at for at in range(len(bodies))],
        bodies=bodies,
    )


def bodies(first_sequence: int, count: int) -> list[bytes]:
    """A body for each sequence."""
    return [f"message {sequence}".encode() for sequence in range(first_sequence, first_sequence + count)]


@dataclass
class Retention:
    """A running retention service."""

    folder: Path
    port: int
    issuer: DevIssuer
    health_port: int = 0
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    def channel(self, *, workload: str = "", role: str = "", staff: str = "officer-1") -> grpc.aio.Channel:
        token = (
            self.issuer.person(staff, frozenset(role.split(",")), workload=workload or "desk", account_id="")
            if role
            else self.issuer.workload(workload)
        )
        channel = connect(f"127.0.0.1:{self.port}", token=token)
        self._channels.append(channel)
        return channel

    @property
    def ingest(self) -> "IngestServiceAsyncStub":
        return IngestServiceStub(self.channel(workload="platform"))

    @property
    def log(self) -> "LogServiceAsyncStub":
        return LogServiceStub(self.channel(workload="platform"))

    @property
    def auditor(self) -> "AuditServiceAsyncStub":
        return AuditServiceStub(self.channel(role="auditor", staff="auditor-1"))

    def access(self, role: str, staff: str) -> "AccessServiceAsyncStub":
        return AccessServiceStub(self.channel(role=role, staff=staff))

    @property
    def verifier_key(self) -> str:
        return (self.folder / "log.vkey").read_text()

    async def receipt(self, sequence: int, producer: str = "chat-1") -> GetReceiptResponse:
        """The receipt of a record once it is sealed."""
        log = self.log

        async def sealed() -> GetReceiptResponse | None:
            answer = await log.GetReceipt(GetReceiptRequest(producer=producer, sequence=sequence))
            return answer if answer.state == ProofState.PROOF_STATE_SEALED else None

        found = await eventually(sealed)
        assert found is not None
        return found

    async def serving(self) -> bool:
        """What the health service says."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.health_port}") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(service="retention"))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


@contextlib.asynccontextmanager
async def running_retention(
    folder: Path, *, clock: Clock | None = None, listening: Callable[[int], None] = lambda _port: None, **config: Any
) -> AsyncIterator[Retention]:
    """Serves until the block ends; `config` overrides settings of the service."""
    clock = clock or ManualClock()
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    issuer = DevIssuer(folder, clock)
    telemetry = Telemetry(TraceStore(folder / "traces.db"), read_ratio=1.0)
    targets: dict[str, str] = {}
    platform = Platform(clock, Peers(targets, token=issuer.workload_source("retention")), telemetry)
    settings = {
        "database_url": f"sqlite:///{folder}/retention.db",
        "data_dir": folder,
        "policy_file": POLICY,
        "seal_seconds": 0.02,
        "tick_seconds": 0.02,
        **config,
    }
    service = build(RetentionConfig(**settings), platform)

    def bound(port: int) -> None:
        targets["retention"] = f"127.0.0.1:{port}"

    server = ServerConfig(listen="127.0.0.1:0", health_listen="127.0.0.1:0", traces_file=folder / "traces.db")
    authenticator = LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: issuer.public_key}, clock))
    try:
        async with serving(
            [Hosted(service, platform)], server, authenticator, telemetry, reflect=False, bound=bound
        ) as running:
            listening(running.port)
            retention = Retention(folder, running.port, issuer, running.health_port)
            try:
                yield retention
            finally:
                await retention.close()
    finally:
        telemetry.shutdown()
