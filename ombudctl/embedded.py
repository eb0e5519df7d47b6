"""The embedded mode: all four services in one process, on loopback, with everything under one folder."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.clock import Clock
from chassis.config import ServerConfig
from chassis.peers import Peers
from chassis.run import Hosted, Running, serving
from chassis.service import Platform
from chassis.telemetry import Telemetry
from chassis.trace_store import TraceStore
from ombudctl.custodian import dev_custodians
from ombudctl.services import SERVICES, parts_of

TRACES = "traces.db"
CUSTODIANS = "custodians"


@contextlib.asynccontextmanager
async def embedded(
    data_dir: Path, *, port: int, health_port: int, policy_file: Path, clock: Clock, read_trace_ratio: float = 0.01
) -> AsyncIterator[Running]:
    """Serves all four services until the block ends.

    Args:
        data_dir: Folder for databases, keys, segments, outboxes and traces; made if absent.
        port: Port on 127.0.0.1 for the services; 0 for any.
        health_port: Port on 127.0.0.1 for health alone; 0 for any.
        policy_file: The policy pack.
        clock: The time of all services.
        read_trace_ratio: Share of successful reads that get a span.

    Raises:
        ConfigError: A port is in use.
        PackError: The policy pack is broken; the text gives file, line and reason.
    """
    targets: dict[str, str] = {}
    telemetry, hosted, authenticator = _put_together(data_dir, policy_file, clock, targets, read_trace_ratio)
    config = ServerConfig(
        listen=f"127.0.0.1:{port}", health_listen=f"127.0.0.1:{health_port}", traces_file=data_dir / TRACES
    )

    def bound(actual: int) -> None:
        targets.update(dict.fromkeys(SERVICES, f"127.0.0.1:{actual}"))

    try:
        async with serving(hosted, config, authenticator, telemetry, reflect=True, bound=bound) as running:
            yield running
    finally:
        telemetry.shutdown()


def _put_together(
    data_dir: Path, policy_file: Path, clock: Clock, targets: Mapping[str, str], read_trace_ratio: float
) -> tuple[Telemetry, list[Hosted], LoopbackAuthenticator]:
    """Makes the folder and builds the services in it, each with a token of its own for calling the others."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    issuer = DevIssuer(data_dir, clock)
    telemetry = Telemetry(TraceStore(data_dir / TRACES), read_ratio=read_trace_ratio)
    hosted = []
    for name in SERVICES:
        config_type, build = parts_of(name)
        folder = data_dir / name
        folder.mkdir(mode=0o700, exist_ok=True)
        platform = Platform(clock, Peers(targets, token=issuer.workload_source(name)), telemetry)
        own = {"first_custodians": dev_custodians(data_dir / CUSTODIANS)} if name == "retention" else {}
        config = config_type(
            database_url=f"sqlite:///{folder / name}.db",
            data_dir=folder,
            policy_file=policy_file,
            upgrade_schema=True,
            **own,
        )
        hosted.append(Hosted(build(config, platform), platform))
    return telemetry, hosted, LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: issuer.public_key}, clock))
