"""What a service is to the process that runs it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.clock import Clock
from chassis.db import Database
from chassis.metrics import Observed
from chassis.peers import Peers
from chassis.telemetry import Telemetry

Registration = tuple[Callable[[Any, Any], None], object]


@dataclass(frozen=True)
class Platform:
    """What a service is given to run on."""

    clock: Clock
    peers: Peers
    telemetry: Telemetry


@dataclass(frozen=True)
class Service:
    """A service, put together.

    Attributes:
        name: `identity`, `credit`, `groups` or `retention`.
        database: Its database, not yet open.
        servicers: Pairs of a generated `add_XServicer_to_server` and the servicer.
        key_ids: By file name, what the keys are known by that its database belongs to.
        tasks: Work that runs until it is cancelled, in every process of the service.
        jobs: Such work that one process of the service does at a time.
        starting: Awaited in order once the database is open, before the first call is served.
        draining: Called when the process is to end, for streams with no end of their own; those of changes end anyway.
        stopping: Awaited in order after the last call, before the database closes.
        gauges: What is measured of it beyond what is measured of every service.
        healthy: Whether it can do what it is for, as far as its database does not tell.
    """

    name: str
    database: Database
    servicers: Sequence[Registration]
    key_ids: Mapping[str, bytes] = field(default_factory=dict)
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()
    jobs: Sequence[Callable[[], Awaitable[None]]] = ()
    starting: Sequence[Callable[[], Awaitable[None]]] = ()
    draining: Sequence[Callable[[], None]] = ()
    stopping: Sequence[Callable[[], Awaitable[None]]] = ()
    gauges: Sequence[Observed] = ()
    healthy: Callable[[], bool] = lambda: True
