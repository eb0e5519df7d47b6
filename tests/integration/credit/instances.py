"""Instances of the credit service that one operator runs side by side."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.auth.authenticator import LoopbackAuthenticator
from chassis.auth.tokens import DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.config import ServerConfig
from chassis.peers import Peers
from chassis.run import Hosted, serving
from chassis.service import Platform
from chassis.telemetry import Telemetry
from services.credit.config import CreditConfig
from services.credit.wiring import build
from tests.integration.credit.court import Court
from tests.support.clock import ManualClock
from tests.support.suite import POLICY, Suite

# The port of the discard service, which nobody runs.
_NOBODY = "127.0.0.1:9"


@contextlib.asynccontextmanager
async def instance(name: str, folder: Path, database_url: str, key_file: Path) -> AsyncIterator[Court]:
    """The credit service alone, under a name of its own; no other service is there."""
    clock, data_dir = ManualClock(), folder / name
    (data_dir / "credit").mkdir(parents=True, exist_ok=True)
    issuer = DevIssuer(data_dir, clock)
    telemetry = Telemetry(InMemorySpanExporter(), read_ratio=0)
    platform = Platform(clock, Peers(dict.fromkeys(("groups", "retention"), _NOBODY)), telemetry)
    config = CreditConfig(
        database_url=database_url,
        data_dir=data_dir / "credit",
        policy_file=POLICY,
        instance=name,
        blacklist_key_file=key_file,
    )
    authenticator = LoopbackAuthenticator(TokenVerifier({DEV_ISSUER: issuer.public_key}, clock))
    server = ServerConfig(listen="127.0.0.1:0", health_listen="127.0.0.1:0", traces_file=data_dir / "traces.db")
    hosted = [Hosted(build(config, platform), platform)]
    async with serving(hosted, server, authenticator, telemetry, reflect=False) as running:
        suite = Suite(data_dir, clock, running.port, issuer)
        try:
            yield Court(suite)
        finally:
            await suite.close()
    telemetry.shutdown()
