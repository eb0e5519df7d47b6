"""A service as a process of its own: what its settings hold, and how it starts from them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter

from chassis import gauges
from chassis.auth.authenticator import Authenticator, LoopbackAuthenticator, MutualTlsAuthenticator
from chassis.auth.key_set import KeySet
from chassis.auth.people import People
from chassis.auth.tokens import TokenVerifier
from chassis.clock import Clock, SteadyClock, SystemClock
from chassis.config import ConfigError, ServerConfig, ServiceConfig, Settings
from chassis.db import migrate
from chassis.ids import new_id
from chassis.otlp import sending_metrics, span_exporter
from chassis.peers import Peers
from chassis.run import Hosted, serving, stop_signal
from chassis.service import Platform, Service
from chassis.telemetry import Telemetry
from chassis.trace_store import TraceStore
from chassis.witness import Witness
from ombud.client import Tls

_log = logging.getLogger("ombud.process")

C = TypeVar("C", bound=ServiceConfig)


class ProcessConfig(Settings, Generic[C]):
    """A process's settings: of the server that any service has, and of the service."""

    server: ServerConfig
    service: C


async def serve(config: ProcessConfig[C], package: str, build: Callable[[C, Platform], Service]) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    Args:
        config: The settings.
        package: The service's package, such as `services.credit`.
        build: Puts the service together.

    Raises:
        ConfigError: The settings can not be used, the schema is older than this version wants, or the machine's clock
            is wrong.
    """
    stop = stop_signal()
    server, clock = config.server, SteadyClock(SystemClock())
    if not config.service.upgrade_schema:
        _refuse_an_old_schema(config.service.database_url, package)
    telemetry = telemetry_for(server, package.rpartition(".")[2])
    try:
        platform = Platform(clock, Peers(server.peers, tls=client_tls(server)), telemetry)
        service = _witnessed(build(config.service, platform), clock)
        hosted = [Hosted(service, platform)]
        async with (
            authenticating(server, clock) as authenticator,
            serving(hosted, server, authenticator, telemetry, reflect=False) as running,
            measured(service, server, telemetry),
        ):
            _log.info("%s serves on port %d", service.name, running.port)
            await stop.wait()
    finally:
        await asyncio.to_thread(telemetry.shutdown)


def _witnessed(service: Service, clock: SteadyClock) -> Service:
    """The service, whose database bears witness of the time."""
    witness = Witness(service.database, clock)
    return replace(service, starting=[witness.agree, *service.starting], tasks=[witness.run, *service.tasks])


def _refuse_an_old_schema(url: str, package: str) -> None:
    schema = migrate.schema(url, package)
    if schema.behind:
        raise ConfigError(
            f"service.database_url: the schema is at revision {schema.current or 'none'}, this version wants "
            f"{schema.newest}; run `ombud migrate {package.rpartition('.')[2]}` with the same settings, "
            "or set service.upgrade_schema"
        )


def measured(
    service: Service, server: ServerConfig, telemetry: Telemetry
) -> contextlib.AbstractAsyncContextManager[None]:
    """Sends what the process measures while the block runs, if there is a collector."""
    if server.otlp is None:
        return contextlib.nullcontext()
    certificate = [gauges.of_certificate(server.tls)] if server.tls else []
    return sending_metrics(server.otlp, telemetry, [*gauges.of_service(service), *certificate])


def telemetry_for(server: ServerConfig, service: str) -> Telemetry:
    """Spans to the collector, or where there is none to a file.

    Raises:
        ConfigError: There is neither.
    """
    if server.otlp is not None:
        exporter: SpanExporter = span_exporter(server.otlp)
    elif server.traces_file is not None:
        exporter = TraceStore(server.traces_file)
    else:
        raise ConfigError("server.otlp: give the endpoint of a collector, or a file as server.traces_file")
    names = {"service.namespace": "ombud", "service.name": f"ombud-{service}", "service.instance.id": new_id()}
    return Telemetry(exporter, read_ratio=server.read_trace_ratio, resource=Resource(names))


def client_tls(server: ServerConfig) -> Tls | None:
    """The certificate with which this workload calls others."""
    return Tls(server.tls.root, server.tls.certificate, server.tls.key) if server.tls else None


@contextlib.asynccontextmanager
async def authenticating(server: ServerConfig, clock: Clock) -> AsyncIterator[Authenticator]:
    """Certificates where there is TLS; tokens alone on loopback. The keys of an issuer of people's are kept fresh.

    Raises:
        ConfigError: Keys can not be used, or people's issuer is given where it can not be.
    """
    if server.people is None:
        yield _of_development(server, clock)
        return
    if server.tls is None or server.token_keys:
        raise ConfigError("server.people: goes with server.tls, and without server.token_keys")
    keys = KeySet(server.people.keys, clock)
    async with keys.kept():
        people = People(server.people, keys, clock)
        yield MutualTlsAuthenticator(people, trust_domain=server.trust_domain, workloads=server.workloads)


def _of_development(server: ServerConfig, clock: Clock) -> Authenticator:
    tokens = TokenVerifier({issuer: _public_key(path) for issuer, path in server.token_keys.items()}, clock)
    if server.tls is None:
        return LoopbackAuthenticator(tokens)
    return MutualTlsAuthenticator(tokens, trust_domain=server.trust_domain, workloads=server.workloads)


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"token_keys: {path.name}: {error.strerror}") from None
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"token_keys: {path.name} is not an Ed25519 public key")
    return key
