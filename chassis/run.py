"""Runs services in a process: start in order, serve, drain on SIGTERM and SIGINT."""

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from chassis.auth.authenticator import Authenticator
from chassis.config import ConfigError, ServerConfig
from chassis.continuity import confirm
from chassis.delivery import AuditDelivery
from chassis.keys import bind_keys
from chassis.leading import Leader, cancel
from chassis.server.builder import build_health_server, build_server, set_health
from chassis.server.credentials import server_credentials
from chassis.server.probe import Probe
from chassis.service import Platform, Service
from chassis.telemetry import Telemetry
from ombud.client.channel import is_loopback

_DRAIN = 5.0
_HEALTH_EVERY = 5.0
_BEGIN_AGAIN = 1.0
# Calls leave few cycles behind: to look for them after every 700 objects, as Python does, costs a tenth of a write.
_COLLECT_AFTER = (10_000, 20, 20)
# Seconds. A thread that computes holds up the event loop and the threads that make things durable by as much each time
# that they come back from the system: with Python's own 5 ms that is most of an acknowledgement.
_SWITCH_AFTER = 0.001

_log = logging.getLogger("ombud.run")


@dataclass(frozen=True)
class Hosted:
    """A service and what it was given to run on."""

    service: Service
    platform: Platform


@dataclass(frozen=True)
class Running:
    """A server that serves: the ports it is bound to, 0 where it has none."""

    port: int
    health_port: int


@contextlib.asynccontextmanager
async def serving(
    hosted: Sequence[Hosted],
    config: ServerConfig,
    authenticator: Authenticator,
    telemetry: Telemetry,
    *,
    reflect: bool,
    bound: Callable[[int], None] = lambda _port: None,
) -> AsyncIterator[Running]:
    """Serves until the block ends, then drains.

    Args:
        hosted: The services of this process.
        config: Where to listen.
        authenticator: Proves callers.
        telemetry: Records the spans of calls.
        reflect: Whether to offer gRPC server reflection.
        bound: Called with the port, before anything calls out.

    Order: databases, what services do before their first call, server, whether the databases went back (the log that
    tells may be hosted here), background work, health. Draining goes the other way round; a call that is being served
    has five seconds to end, and a stream that has no end of its own ends at once.

    Raises:
        ConfigError: A port can not be bound, or a database belongs to other keys or was restored unsaid.
    """
    services = [each.service for each in hosted]
    async with contextlib.AsyncExitStack() as stack:
        for each in hosted:
            stack.push_async_callback(each.platform.peers.close)
        for service in services:
            await service.database.open()
            stack.push_async_callback(service.database.close)
            await service.database.work("keys", lambda unit, ids=service.key_ids: bind_keys(unit.session, ids))  # type: ignore[misc]  # bound at once
            for start in service.starting:
                await start()
            for stop in reversed(service.stopping):
                stack.push_async_callback(stop)
        probe = Probe([service.database for service in services])
        server = build_server(
            services,
            authenticator=authenticator,
            telemetry=telemetry,
            reflect=reflect,
            probe=probe,
            connection_seconds=config.connection_seconds,
        )
        port = bind(server, config)
        bound(port)
        await server.start()
        stack.push_async_callback(_drain, server, services)
        stack.push_async_callback(cancel, [asyncio.create_task(probe.run())])
        for each in hosted:
            await confirm(each.service.database, each.platform.peers)
        health_server, health = await build_health_server()
        health_port = _plaintext(health_server, "health_listen", config.health_listen)
        await health_server.start()
        stack.push_async_callback(health_server.stop, None)
        stack.push_async_callback(cancel, [asyncio.create_task(work) for work in _background(hosted)])
        await set_health(health, services, serving=True)
        watching = asyncio.create_task(_supervise("health", partial(_watch_health, services, health)))
        stack.push_async_callback(set_health, health, services, serving=False)
        stack.push_async_callback(cancel, [watching])
        yield Running(port, health_port)


async def _drain(server: grpc.aio.Server, services: Sequence[Service]) -> None:
    for service in services:
        service.database.drain()
        for end_streams in service.draining:
            end_streams()
    await server.stop(_DRAIN)


def bind(server: grpc.aio.Server, config: ServerConfig) -> int:
    """Binds the server's port: with the workload's certificate, or in plaintext on loopback alone.

    Raises:
        ConfigError: Plaintext was asked for elsewhere, a certificate file can not be read, or the port is taken.
    """
    if config.tls is None:
        if not is_loopback(config.listen):
            raise ConfigError("listen: plaintext is served on loopback only; give tls, or listen on 127.0.0.1")
        return _plaintext(server, "listen", config.listen)
    credentials = server_credentials(config.tls)
    try:
        return server.add_secure_port(config.listen, credentials)
    except RuntimeError as error:
        raise _not_bound("listen", config.listen) from error


def _plaintext(server: grpc.aio.Server, field: str, address: str) -> int:
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise _not_bound(field, address) from error


def _not_bound(field: str, address: str) -> ConfigError:
    return ConfigError(f"{field}: {address} can not be bound; is it in use?")


def _background(hosted: Sequence[Hosted]) -> list[Coroutine[Any, Any, None]]:
    work = []
    for each in hosted:
        service, platform = each.service, each.platform
        delivery = AuditDelivery(service.database, platform.peers, platform.telemetry)
        jobs = [partial(_supervise, service.name, job) for job in (*service.jobs, delivery.run)]
        leader = Leader(service.database, "jobs", jobs)
        work += [_supervise(service.name, task) for task in (*service.tasks, leader.run)]
    return work


async def _supervise(name: str, task: Callable[[], Awaitable[None]]) -> None:
    """Keeps background work running: what fails unexpectedly is logged and begun again."""
    while True:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - one fault must not end what the service promises
            _log.error("%s: background work failed: %s", name, type(error).__name__)
        await asyncio.sleep(_BEGIN_AGAIN)


async def _watch_health(services: Sequence[Service], health: object) -> None:
    while True:
        await asyncio.sleep(_HEALTH_EVERY)
        healthy = all([service.healthy() and await service.database.healthy() for service in services])
        await set_health(health, services, serving=healthy)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs a server's work on uvloop where there is one: a sixth more calls a second than asyncio's own loop."""
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_SWITCH_AFTER)
    factory = None if sys.platform == "win32" else importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


def stop_signal() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets, from now on instead of ending the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
